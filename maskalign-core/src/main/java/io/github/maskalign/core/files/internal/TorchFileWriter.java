package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
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
}
