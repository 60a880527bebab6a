package io.github.maskalign.core.files.internal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of pickles: a buffer, or a part of a file of which a window is in memory. A length is compared with what is
 * left before anything is allocated; one that is too large is an {@link IllegalStateException} with the reason.
 */
final class PickleInput {
    private static final int WINDOW_BYTES = 1 << 16;

    private final String name;
    private final @Nullable FileBytes file;
    private final long end;
    private long windowEnd;
    private ByteBuffer window;

    private PickleInput(String name, @Nullable FileBytes file, ByteBuffer window, long end) {
        this.name = name;
        this.file = file;
        this.window = window.order(ByteOrder.LITTLE_ENDIAN);
        this.end = end;
        windowEnd = window.limit();
    }

    /** One pickle, which the buffer must hold exactly. */
    static PickleInput of(String name, ByteBuffer bytes) {
        return new PickleInput(name + ", ", null, bytes, bytes.limit());
    }

    /** Pickles that stand one after the other from the file's first byte on, {@code mostBytes} of them together. */
    static PickleInput of(FileBytes file, int mostBytes) {
        return new PickleInput("", file, ByteBuffer.allocate(0), Math.min(file.size(), mostBytes));
    }

    /** Returns where the next byte stands. */
    long position() {
        return windowEnd - window.remaining();
    }

    /** Says in a message where something is. */
    String place(long position) {
        return name + "byte " + position;
    }

    /** Called behind the operation that ends a pickle. */
    void endPickle() {
        if (file == null && left() > 0) {
            throw new IllegalStateException(left() + " bytes follow the end");
        }
    }

    int u8() throws IOException {
        require(1);
        return Byte.toUnsignedInt(window.get());
    }

    int u16() throws IOException {
        require(2);
        return Short.toUnsignedInt(window.getShort());
    }

    int i32() throws IOException {
        require(4);
        return window.getInt();
    }

    long u32() throws IOException {
        return Integer.toUnsignedLong(i32());
    }

    long i64() throws IOException {
        require(8);
        return window.getLong();
    }

    /** Returns the next bytes. */
    ByteBuffer take(long bytes) throws IOException {
        require(bytes);
        ByteBuffer taken = window.slice(window.position(), (int) bytes);
        window.position(window.position() + taken.limit());
        return taken;
    }

    /** Returns the bytes up to the end of a line, without it. */
    ByteBuffer line(int mostBytes) throws IOException {
        int length = 0;
        while (length <= mostBytes && length < left() && peek(length) != '\n') {
            length++;
        }
        if (length > mostBytes || length == left()) {
            throw new IllegalStateException("a name must have at most " + mostBytes + " bytes and end with its line");
        }
        ByteBuffer line = take(length);
        take(1);
        return line;
    }

    /** Makes sure that so many bytes are in the window. */
    void require(long bytes) throws IOException {
        if (bytes < 0 || bytes > left()) {
            throw new IllegalStateException("a length of " + Long.toUnsignedString(bytes) + " is more than the "
                    + left() + " bytes left" + (file == null ? "" : beyond(file)));
        }
        if (bytes > window.remaining() && file != null) {
            // what was taken from the window before stays as it is
            ByteBuffer next = ByteBuffer.allocate((int) Math.min(left(), Math.max(bytes, WINDOW_BYTES)))
                    .order(ByteOrder.LITTLE_ENDIAN);
            next.put(window);
            int more = next.remaining();
            file.read(windowEnd, next);
            windowEnd += more;
            window = next.flip();
        }
    }

    private String beyond(FileBytes of) {
        return end < of.size()
                ? " of the " + end + " that the pickles of a checkpoint may have"
                : ": the file was cut off, or is damaged";
    }

    private byte peek(int ahead) throws IOException {
        require(ahead + 1L);
        return window.get(window.position() + ahead);
    }

    private long left() {
        return end - position();
    }

    /** The stack and the memo of a pickle. Breaking their rules is an {@link IllegalStateException} with the reason. */
    static final class PickleStack {
        static final int MAX_VALUES = 1_000_000;

        private final List<TorchValue> values = new ArrayList<>();
        private final List<Integer> marks = new ArrayList<>();
        private final List<@Nullable TorchValue> memo = new ArrayList<>();

        void push(TorchValue value) {
            if (values.size() >= MAX_VALUES) {
                throw new IllegalStateException("the stack must have at most " + MAX_VALUES + " values");
            }
            values.add(value);
        }

        TorchValue pop() {
            requireValues(1);
            return values.remove(values.size() - 1);
        }

        TorchValue top() {
            requireValues(1);
            return values.get(values.size() - 1);
        }

        void mark() {
            if (marks.size() >= MAX_VALUES) {
                throw new IllegalStateException("the stack must have at most " + MAX_VALUES + " marks");
            }
            marks.add(values.size());
        }

        /** Removes and returns all values above the last mark, and the mark. */
        List<TorchValue> popToMark() {
            if (marks.isEmpty()) {
                throw new IllegalStateException("there is no mark on the stack");
            }
            List<TorchValue> above = values.subList(marks.remove(marks.size() - 1), values.size());
            List<TorchValue> popped = List.copyOf(above);
            above.clear();
            return popped;
        }

        /** Returns the value that is the whole stack. */
        TorchValue only() {
            if (values.size() != 1 || !marks.isEmpty()) {
                throw new IllegalStateException("one value must be left at the end but there are " + values.size()
                        + " and " + marks.size() + " marks");
            }
            return values.get(0);
        }

        /** Stores the top under a number. Files number in turn, so {@code limit}, the operations so far, is plenty. */
        void memorise(long index, long limit) {
            if (index > limit) {
                throw new IllegalStateException(
                        "the number of a stored value must be at most " + limit + " here but is " + index);
            }
            TorchValue value = top();
            while (memo.size() <= index) {
                memo.add(null);
            }
            memo.set((int) index, value);
        }

        /** Stores the top under the next number. */
        void memorise() {
            memo.add(top());
        }

        TorchValue recall(long index) {
            TorchValue value = index < memo.size() ? memo.get((int) index) : null;
            if (value == null) {
                throw new IllegalStateException("there is no stored value " + index);
            }
            return value;
        }

        private void requireValues(int count) {
            int below = marks.isEmpty() ? 0 : marks.get(marks.size() - 1);
            if (values.size() - below < count) {
                throw new IllegalStateException("there is no value on the stack");
            }
        }
    }
}
