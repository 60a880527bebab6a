package io.github.maskalign.core.files.internal;

import static io.github.maskalign.core.files.CheckpointFormatException.quote;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.PickleInput.PickleStack;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

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

    private final PickleInput in;
    private final PickleObjects objects;
    private final PickleStack stack = new PickleStack();
    private int operations;
    private long at;

    private PickleReader(PickleInput in, PickleObjects objects) {
        this.in = in;
        this.objects = objects;
    }

    /**
     * Reads one value and leaves the input behind it.
     *
     * @throws CheckpointFormatException with the place when a rule is broken, also that no container stands inside
     *     itself
     */
    static TorchValue read(Path file, PickleInput in, PickleObjects objects) throws IOException {
        PickleReader reader = new PickleReader(in, objects);
        try {
            TorchValue value = reader.run();
            ValueTree.check(value);
            return value;
        } catch (IllegalStateException e) {
            throw new CheckpointFormatException(file, in.place(reader.at) + ": " + e.getMessage(), e);
        }
    }

    private TorchValue run() throws IOException {
        while (true) {
            at = in.position();
            if (++operations > MAX_OPERATIONS) {
                throw new IllegalStateException("a checkpoint must have at most " + MAX_OPERATIONS + " operations");
            }
            int operation = in.u8();
            if (operation == '.') {
                in.endPickle();
                return stack.only();
            }
            if (!constant(operation) && !container(operation) && !object(operation)) {
                throw refused(operation);
            }
        }
    }

    /** Numbers, texts and the like. */
    private boolean constant(int operation) throws IOException {
        switch (operation) {
            case 'N' -> stack.push(new TorchValue.None());
            case 0x88 -> stack.push(new TorchValue.Bool(true));
            case 0x89 -> stack.push(new TorchValue.Bool(false));
            case 'J' -> stack.push(whole(in.i32()));
            case 'K' -> stack.push(whole(in.u8()));
            case 'M' -> stack.push(whole(in.u16()));
            case 0x8a -> stack.push(integer(in.u8()));
            case 0x8b -> stack.push(integer(in.u32()));
            case 'G' -> stack.push(new TorchValue.Real(Double.longBitsToDouble(Long.reverseBytes(in.i64()))));
            case 'X' -> stack.push(text(in.u32(), StandardCharsets.UTF_8));
            case 0x8c -> stack.push(text(in.u8(), StandardCharsets.UTF_8));
            case 0x8d -> stack.push(text(in.i64(), StandardCharsets.UTF_8));
            case 'U' -> stack.push(text(in.u8(), StandardCharsets.ISO_8859_1));
            case 'T' -> stack.push(text(in.u32(), StandardCharsets.ISO_8859_1));
            case 'B' -> stack.push(bytes(in.u32()));
            case 'C' -> stack.push(bytes(in.u8()));
            case 0x8e -> stack.push(bytes(in.i64()));
            default -> {
                return false;
            }
        }
        return true;
    }

    /** Containers, the stack and the memo. */
    private boolean container(int operation) throws IOException {
        switch (operation) {
            case 0x80 -> protocol(in.u8());
            case 0x95 -> in.require(in.i64()); // a frame: says how many bytes belong together
            case '(' -> stack.mark();
            case '0' -> stack.pop();
            case '1' -> stack.popToMark();
            case '2' -> stack.push(stack.top());
            case 'h' -> stack.push(stack.recall(in.u8()));
            case 'j' -> stack.push(stack.recall(in.u32()));
            case 'q' -> stack.memorise(in.u8(), operations);
            case 'r' -> stack.memorise(in.u32(), operations);
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
    private boolean object(int operation) throws IOException {
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

    private TorchValue integer(long bytes) throws IOException {
        if (bytes == 0) {
            return whole(0);
        }
        if (bytes > MAX_INTEGER_BYTES) {
            throw new IllegalStateException(
                    "an integer must have at most " + MAX_INTEGER_BYTES + " bytes but has " + bytes);
        }
        ByteBuffer littleEndian = in.take(bytes);
        byte[] value = new byte[littleEndian.limit()];
        for (int i = value.length - 1; i >= 0; i--) {
            value[i] = littleEndian.get();
        }
        return new TorchValue.Whole(new BigInteger(value));
    }

    private TorchValue text(long bytes, Charset charset) throws IOException {
        return new TorchValue.Text(decode(in.take(bytes), charset));
    }

    private TorchValue bytes(long bytes) throws IOException {
        in.take(bytes);
        return new TorchValue.Opaque("builtins.bytes");
    }

    private String line() throws IOException {
        return decode(in.line(MAX_NAME), StandardCharsets.UTF_8);
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

    /** Makes sure that no container stands inside itself, and that none is nested deeper than anybody needs. */
    static final class ValueTree {
        static final int MAX_DEPTH = 200;

        /** For each container that is done: how deep it is. Those that are being visited have -1. */
        private final Map<TorchValue, Integer> depths = new IdentityHashMap<>();

        private ValueTree() {}

        /** @throws IllegalStateException with the rule that is broken */
        static void check(TorchValue root) {
            new ValueTree().depth(root, 0);
        }

        private int depth(TorchValue value, int above) {
            Collection<TorchValue> items = items(value);
            if (items.isEmpty()) {
                return 0;
            }
            Integer known = depths.put(value, -1);
            if (known != null && known < 0) {
                throw new IllegalStateException("a container must not stand inside itself");
            }
            int depth = known == null ? 0 : known;
            if (above + depth >= MAX_DEPTH) {
                throw new IllegalStateException("containers must be nested at most " + MAX_DEPTH + " deep");
            }
            if (known == null) {
                for (TorchValue item : items) {
                    depth = Math.max(depth, 1 + depth(item, above + 1));
                }
            }
            depths.put(value, depth);
            return depth;
        }

        private static Collection<TorchValue> items(TorchValue value) {
            if (value instanceof TorchValue.Dict dict) {
                return dict.entries().values();
            }
            if (value instanceof TorchValue.Sequence list) {
                return list.items();
            }
            return value instanceof TorchValue.Tuple tuple ? tuple.items() : List.of();
        }
    }
}
