package io.github.maskalign.core.torchfile;

import static io.github.maskalign.core.io.CheckpointFormatException.quote;

import io.github.maskalign.core.io.CheckpointFormatException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Reads a pickle of protocol 2 to 4, the operations that checkpoints are made of, into {@link TorchValue}s.
 *
 * <p>A pickle is a program for a stack machine that can name and call anything. This machine has no operation that
 * looks something up: a name is a text, and a call is a pattern of known names and values that {@link PickleObjects}
 * turns into data or refuses. Lengths are compared with what is left before anything is allocated.
 */
final class PickleReader {
    static final int MAX_OPERATIONS = 8_000_000;
    private static final int MAX_NAME = 500;
    private static final int MAX_INTEGER_BYTES = 1_024;

    private final ByteBuffer in;
    private final PickleObjects objects;
    private final PickleStack stack = new PickleStack();
    private int operations;
    private int at;

    private PickleReader(ByteBuffer in, PickleObjects objects) {
        this.in = in.order(ByteOrder.LITTLE_ENDIAN);
        this.objects = objects;
    }

    /** Reads one value, which the bytes must hold exactly. */
    static TorchValue read(Path file, ByteBuffer bytes, PickleObjects objects) throws CheckpointFormatException {
        PickleReader reader = new PickleReader(bytes, objects);
        try {
            return reader.run();
        } catch (IllegalStateException e) {
            throw new CheckpointFormatException(file, "data.pkl, byte " + reader.at + ": " + e.getMessage(), e);
        }
    }

    private TorchValue run() {
        while (true) {
            at = in.position();
            if (++operations > MAX_OPERATIONS) {
                throw new IllegalStateException("a checkpoint must have at most " + MAX_OPERATIONS + " operations");
            }
            int operation = u8();
            if (operation == '.') {
                if (in.hasRemaining()) {
                    throw new IllegalStateException(in.remaining() + " bytes follow the end");
                }
                return stack.only();
            }
            if (!constant(operation) && !container(operation) && !object(operation)) {
                throw refused(operation);
            }
        }
    }

    /** Numbers, texts and the like. */
    private boolean constant(int operation) {
        switch (operation) {
            case 'N' -> stack.push(new TorchValue.None());
            case 0x88 -> stack.push(new TorchValue.Bool(true));
            case 0x89 -> stack.push(new TorchValue.Bool(false));
            case 'J' -> stack.push(whole(i32()));
            case 'K' -> stack.push(whole(u8()));
            case 'M' -> stack.push(whole(u16()));
            case 0x8a -> stack.push(integer(u8()));
            case 0x8b -> stack.push(integer(u32()));
            case 'G' -> stack.push(new TorchValue.Real(Double.longBitsToDouble(Long.reverseBytes(i64()))));
            case 'X' -> stack.push(text(u32(), StandardCharsets.UTF_8));
            case 0x8c -> stack.push(text(u8(), StandardCharsets.UTF_8));
            case 0x8d -> stack.push(text(i64(), StandardCharsets.UTF_8));
            case 'U' -> stack.push(text(u8(), StandardCharsets.ISO_8859_1));
            case 'T' -> stack.push(text(u32(), StandardCharsets.ISO_8859_1));
            case 'B' -> stack.push(bytes(u32()));
            case 'C' -> stack.push(bytes(u8()));
            case 0x8e -> stack.push(bytes(i64()));
            default -> {
                return false;
            }
        }
        return true;
    }

    /** Containers, the stack and the memo. */
    private boolean container(int operation) {
        switch (operation) {
            case 0x80 -> protocol(u8());
            case 0x95 -> length(i64()); // a frame: says how many bytes belong together
            case '(' -> stack.mark();
            case '0' -> stack.pop();
            case '1' -> stack.popToMark();
            case '2' -> stack.push(stack.top());
            case 'h' -> stack.push(stack.recall(u8()));
            case 'j' -> stack.push(stack.recall(u32()));
            case 'q' -> stack.memorise(u8(), operations);
            case 'r' -> stack.memorise(u32(), operations);
            case 0x94 -> stack.memorise();
            case ')' -> stack.push(new TorchValue.Tuple(List.of()));
            case 0x85 -> tuple(1);
            case 0x86 -> tuple(2);
            case 0x87 -> tuple(3);
            case 't' -> stack.push(new TorchValue.Tuple(stack.popToMark()));
            case ']' -> stack.push(new TorchValue.Sequence());
            case 'l' -> stack.push(PickleObjects.append(new TorchValue.Sequence(), stack.popToMark()));
            case 'a' -> {
                TorchValue item = stack.pop();
                PickleObjects.append(stack.top(), List.of(item));
            }
            case 'e' -> {
                List<TorchValue> items = stack.popToMark();
                PickleObjects.append(stack.top(), items);
            }
            case '}' -> stack.push(new TorchValue.Dict());
            case 'd' -> stack.push(PickleObjects.put(new TorchValue.Dict(), stack.popToMark()));
            case 's' -> {
                TorchValue value = stack.pop();
                TorchValue key = stack.pop();
                PickleObjects.put(stack.top(), List.of(key, value));
            }
            case 'u' -> {
                List<TorchValue> items = stack.popToMark();
                PickleObjects.put(stack.top(), items);
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    /** Names and what is done with them. */
    private boolean object(int operation) {
        switch (operation) {
            case 'c' -> stack.push(objects.name(line() + "." + line()));
            case 'Q' -> stack.push(objects.persistent(stack.pop()));
            case 'R' -> {
                TorchValue arguments = stack.pop();
                stack.push(objects.call(stack.pop(), arguments));
            }
            case 0x81 -> {
                TorchValue arguments = stack.pop();
                stack.push(objects.newObject(stack.pop(), arguments));
            }
            case 'b' -> {
                TorchValue state = stack.pop();
                PickleObjects.build(stack.top(), state);
            }
            case 0x8f -> stack.push(new TorchValue.Opaque("builtins.set"));
            case 0x90 -> {
                stack.popToMark();
                PickleObjects.requireOpaque(stack.top());
            }
            case 0x91 -> {
                stack.popToMark();
                stack.push(new TorchValue.Opaque("builtins.frozenset"));
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private void protocol(int version) {
        if (operations != 1) {
            throw new IllegalStateException("the protocol must be told at the start");
        }
        if (version < 2 || version > 4) {
            throw new IllegalStateException("the protocol must be 2 to 4 but is " + version
                    + "; torch.save writes 2 if it is not told otherwise");
        }
    }

    private void tuple(int count) {
        TorchValue[] items = new TorchValue[count];
        for (int i = count - 1; i >= 0; i--) {
            items[i] = stack.pop();
        }
        stack.push(new TorchValue.Tuple(List.of(items)));
    }

    private static IllegalStateException refused(int operation) {
        return new IllegalStateException(
                switch (operation) {
                    case 0x93, 0x92, 0x82, 0x83, 0x84, 0x96, 0x97, 0x98 ->
                        "the operation " + hex(operation)
                                + " does not occur in what torch.save writes; a file saved with another pickle_protocol"
                                + " than 2 must be saved again with 2";
                    case 'i', 'o', 'P', 'S', 'V', 'I', 'L', 'F', 'g', 'p' ->
                        "the operation " + hex(operation) + " of protocol 0 or 1 does not occur in checkpoints";
                    default -> "there is no operation " + hex(operation);
                });
    }

    private static String hex(int operation) {
        return String.format(Locale.ROOT, "0x%02x", operation);
    }

    private static TorchValue whole(long value) {
        return new TorchValue.Whole(BigInteger.valueOf(value));
    }

    private TorchValue integer(long bytes) {
        if (bytes == 0) {
            return whole(0);
        }
        if (bytes > MAX_INTEGER_BYTES) {
            throw new IllegalStateException(
                    "an integer must have at most " + MAX_INTEGER_BYTES + " bytes but has " + bytes);
        }
        byte[] value = new byte[length(bytes)];
        for (int i = value.length - 1; i >= 0; i--) {
            value[i] = in.get();
        }
        return new TorchValue.Whole(new BigInteger(value));
    }

    private TorchValue text(long bytes, Charset charset) {
        return new TorchValue.Text(decode(slice(bytes), charset));
    }

    private TorchValue bytes(long bytes) {
        slice(bytes);
        return new TorchValue.Opaque("builtins.bytes");
    }

    private String line() {
        int length = 0;
        while (length <= MAX_NAME && length < in.remaining() && in.get(in.position() + length) != '\n') {
            length++;
        }
        if (length > MAX_NAME || length == in.remaining()) {
            throw new IllegalStateException("a name must have at most " + MAX_NAME + " bytes and end with its line");
        }
        String name = decode(slice(length), StandardCharsets.UTF_8);
        in.get(); // the end of the line
        return name;
    }

    private static String decode(ByteBuffer bytes, Charset charset) {
        try {
            CharBuffer text = charset.newDecoder().decode(bytes);
            return text.toString();
        } catch (CharacterCodingException e) {
            throw new IllegalStateException(
                    "a text must be UTF-8 but is "
                            + quote(StandardCharsets.ISO_8859_1
                                    .decode(bytes.rewind())
                                    .toString()),
                    e);
        }
    }

    private ByteBuffer slice(long bytes) {
        ByteBuffer slice = in.slice(in.position(), length(bytes));
        in.position(in.position() + slice.limit());
        return slice;
    }

    private int length(long bytes) {
        if (bytes < 0 || bytes > in.remaining()) {
            throw new IllegalStateException("a length of " + Long.toUnsignedString(bytes) + " is more than the "
                    + in.remaining() + " bytes left");
        }
        return (int) bytes;
    }

    private int u8() {
        length(1);
        return Byte.toUnsignedInt(in.get());
    }

    private int u16() {
        length(2);
        return Short.toUnsignedInt(in.getShort());
    }

    private int i32() {
        length(4);
        return in.getInt();
    }

    private long u32() {
        return Integer.toUnsignedLong(i32());
    }

    private long i64() {
        length(8);
        return in.getLong();
    }
}
