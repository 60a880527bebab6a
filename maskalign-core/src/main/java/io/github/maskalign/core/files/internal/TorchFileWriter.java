package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.internal.TensorRebuild.TorchTypes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/**
 * Writes PyTorch checkpoints that {@code torch.load(..., weights_only=True)} opens, one piece of one tensor in memory at
 * a time, of any size.
 *
 * <p>Each tensor becomes a contiguous storage of its own, at a multiple of 64 bytes. The same content gives the same
 * bytes.
 */
public final class TorchFileWriter {
    private TorchFileWriter() {}

    /**
     * Replaces {@code path} in one step, see {@link AtomicFile}, with a bare state dict.
     *
     * @throws io.github.maskalign.core.files.internal.CheckpointWriteException when the file cannot be written
     * @throws IllegalArgumentException when a tensor has a type that PyTorch lacks; nothing is written then
     */
    public static void write(Path path, StateDict tensors) throws IOException {
        writeValue(path, tensors);
    }

    /**
     * Replaces {@code path} in one step with a dict, such as {@code {"ema": state, "steps": 400000}}.
     *
     * @param content by key, in order: {@link StateDict}, {@link TensorSource}, {@link String}, {@link Boolean},
     *     {@link Integer}, {@link Long}, {@link Double}, and {@link List} and {@link Map} of these, keys being String
     *     or Integer
     * @throws IllegalArgumentException when something else is in it; nothing is written then
     */
    public static void write(Path path, Map<String, ?> content) throws IOException {
        writeValue(path, content);
    }

    private static void writeValue(Path path, Object content) throws IOException {
        PickleWriter pickle = new PickleWriter();
        byte[] bytes = pickle.write(content);
        AtomicFile.write(path, out -> write(out, bytes, pickle.tensors()));
    }

    static void write(WritableByteChannel out, byte[] pickle, List<TensorSource> tensors) throws IOException {
        ArchiveWriter archive = new ArchiveWriter(out, "archive");
        archive.entry("data.pkl", pickle);
        archive.entry("byteorder", "little".getBytes(StandardCharsets.US_ASCII));
        for (int i = 0; i < tensors.size(); i++) {
            archive.entry("data/" + i, tensors.get(i));
        }
        archive.entry("version", "3\n".getBytes(StandardCharsets.US_ASCII));
        archive.finish();
    }

    /** Writes the pickle of a checkpoint, in the operations of protocol 2 that torch.save uses, and collects its tensors. */
    static final class PickleWriter {
        private static final int BATCH = 1_000;

        private final ByteArrayOutputStream out = new ByteArrayOutputStream();
        private final List<TensorSource> tensors = new ArrayList<>();

        byte[] write(Object root) {
            op(0x80);
            out.write(2);
            value(root);
            op('.');
            return out.toByteArray();
        }

        /** Returns the tensors: number i is the storage {@code data/i}. */
        List<TensorSource> tensors() {
            return tensors;
        }

        private void value(Object value) {
            if (value instanceof StateDict state) {
                emptyOrderedDict();
                entries(state.tensors());
            } else if (value instanceof Map<?, ?> map) {
                op('}');
                entries(map);
            } else if (value instanceof List<?> list) {
                op(']');
                op('(');
                list.forEach(this::value);
                op('e');
            } else if (value instanceof TensorSource tensor) {
                tensor(tensor);
            } else if (value instanceof String text) {
                text(text);
            } else if (value instanceof Boolean bool) {
                bool(bool);
            } else if (value instanceof Integer || value instanceof Long) {
                integer(((Number) value).longValue());
            } else if (value instanceof Double real) {
                op('G');
                out.writeBytes(ByteBuffer.allocate(8).putDouble(real).array());
            } else {
                throw new IllegalArgumentException(
                        "a checkpoint must hold state dicts, tensors, maps, lists, texts, whole"
                                + " numbers, doubles and booleans but was given a "
                                + value.getClass().getName());
            }
        }

        private void entries(Map<?, ?> map) {
            int count = 0;
            Collection<? extends Map.Entry<?, ?>> entries = map.entrySet();
            for (Map.Entry<?, ?> entry : entries) {
                if (count++ % BATCH == 0) {
                    if (count > 1) {
                        op('u');
                    }
                    op('(');
                }
                if (!(entry.getKey() instanceof String) && !(entry.getKey() instanceof Integer)) {
                    throw new IllegalArgumentException(
                            "the key of a map in a checkpoint must be a String or an Integer but" + " was a "
                                    + entry.getKey().getClass().getName());
                }
                value(entry.getKey());
                value(entry.getValue());
            }
            if (count > 0) {
                op('u');
            }
        }

        private void tensor(TensorSource tensor) {
            TensorType type = tensor.type();
            String dtype = TorchTypes.dtype(type);
            if (dtype == null) {
                throw new IllegalArgumentException(
                        tensor.origin() + " has type " + type + ", which PyTorch lacks; convert it first");
            }
            String storage = TorchTypes.storage(type);
            long bytes = tensor.byteSize();
            name("torch._utils", storage == null ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
            op('(');
            op('(');
            text("storage");
            name(storage == null ? "torch.storage" : "torch", storage == null ? "UntypedStorage" : storage);
            text(Integer.toString(tensors.size()));
            text("cpu");
            integer(storage == null ? bytes : bytes / (type.bits() / 8));
            op('t');
            op('Q');
            integer(0); // the offset
            long[] sizes = tensor.shape().getShape();
            integers(sizes);
            integers(strides(tensor.shape()));
            bool(false); // needs no gradient
            emptyOrderedDict(); // has no hooks
            if (storage == null) {
                name("torch", dtype);
            }
            op('t');
            op('R');
            tensors.add(tensor);
        }

        private static long[] strides(Shape shape) {
            long[] strides = new long[shape.dimension()];
            long stride = 1;
            for (int i = strides.length - 1; i >= 0; i--) {
                strides[i] = stride;
                stride *= Math.max(1, shape.get(i)); // as PyTorch counts, so that no stride is 0
            }
            return strides;
        }

        private void emptyOrderedDict() {
            name("collections", "OrderedDict");
            op(')');
            op('R');
        }

        private void name(String module, String name) {
            op('c');
            out.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
        }

        private void text(String text) {
            try {
                ByteBuffer utf8 = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
                op('X');
                little(4, utf8.remaining());
                out.write(utf8.array(), utf8.position(), utf8.remaining());
            } catch (CharacterCodingException e) {
                throw new IllegalArgumentException(
                        "a text must not have half a surrogate pair: " + CheckpointFormatException.quote(text), e);
            }
        }

        private void integers(long[] values) {
            op('(');
            for (long value : values) {
                integer(value);
            }
            op('t');
        }

        private void integer(long value) {
            if (value == (int) value) {
                op('J');
                little(4, value);
            } else {
                op(0x8a);
                out.write(8);
                little(8, value);
            }
        }

        private void bool(boolean value) {
            op(value ? 0x88 : 0x89);
        }

        private void little(int bytes, long value) {
            byte[] eight = ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(value)
                    .array();
            out.write(eight, 0, bytes);
        }

        private void op(int code) {
            out.write(code);
        }
    }
}
