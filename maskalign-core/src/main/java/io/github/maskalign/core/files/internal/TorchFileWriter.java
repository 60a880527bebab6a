package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.internal.TensorRebuild.TorchTypes;
import io.github.maskalign.core.script.internal.PickleOutput;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
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
     * @throws io.github.maskalign.core.files.internal.FileOperations.CheckpointWriteException when the file cannot be written
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
        ZipWriter archive = new ZipWriter(out, ZipWriter.Layout.TORCH);
        archive.entry("archive/data.pkl", pickle);
        archive.entry("archive/byteorder", "little".getBytes(StandardCharsets.US_ASCII));
        for (int i = 0; i < tensors.size(); i++) {
            archive.entry("archive/data/" + i, ByteBuffer.allocate(0), tensors.get(i));
        }
        archive.entry("archive/version", "3\n".getBytes(StandardCharsets.US_ASCII));
        archive.finish();
    }

    /** Writes the pickle of a checkpoint, in the operations that torch.save uses, and collects its tensors. */
    static final class PickleWriter {
        private static final int BATCH = 1_000;

        private final PickleOutput out = new PickleOutput();
        private final List<TensorSource> tensors = new ArrayList<>();

        byte[] write(Object root) {
            value(root);
            return out.finish();
        }

        /** Returns the tensors: number i is the storage {@code data/i}. */
        List<TensorSource> tensors() {
            return tensors;
        }

        private void value(Object value) {
            if (value instanceof StateDict state) {
                out.emptyOrderedDict();
                entries(state.tensors());
            } else if (value instanceof Map<?, ?> map) {
                out.op(PickleOutput.EMPTY_DICT);
                entries(map);
            } else if (value instanceof List<?> list) {
                out.op(PickleOutput.EMPTY_LIST).op(PickleOutput.MARK);
                list.forEach(this::value);
                out.op(PickleOutput.APPENDS);
            } else if (value instanceof TensorSource tensor) {
                tensor(tensor);
            } else if (value instanceof String text) {
                text(text);
            } else if (value instanceof Boolean bool) {
                out.bool(bool);
            } else if (value instanceof Integer || value instanceof Long) {
                out.integer(((Number) value).longValue());
            } else if (value instanceof Double real) {
                out.real(real);
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
                        out.op(PickleOutput.SET_ITEMS);
                    }
                    out.op(PickleOutput.MARK);
                }
                if (!(entry.getKey() instanceof String) && !(entry.getKey() instanceof Integer)) {
                    throw new IllegalArgumentException(
                            "the key of a map in a checkpoint must be a String or an Integer but was a "
                                    + entry.getKey().getClass().getName());
                }
                value(entry.getKey());
                value(entry.getValue());
            }
            if (count > 0) {
                out.op(PickleOutput.SET_ITEMS);
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
            long count = tensor.byteSize() / (storage == null ? 1 : type.bits() / 8);
            out.tensor(storage, tensors.size(), count, tensor.shape().getShape(), dtype);
            tensors.add(tensor);
        }

        private void text(String text) {
            if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
                throw new IllegalArgumentException(
                        "a text must not have half a surrogate pair: " + CheckpointFormatException.quote(text));
            }
            out.text(text);
        }
    }
}
