package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.NpyFile.NpyType;
import java.io.IOException;
import java.nio.file.Path;

/** Writes a tensor as an {@code .npy} file, byte for byte as {@code numpy.save} does with an array in C order. */
public final class NpyWriter {
    private NpyWriter() {}

    /**
     * Replaces or creates a file, complete or not at all, see {@link AtomicFile}.
     *
     * @throws IllegalArgumentException if NumPy has no such type, as for BF16
     */
    public static void write(Path file, TensorSource tensor) throws IOException {
        String descr = NpyType.descr(tensor.type());
        AtomicFile.write(file, out -> new CountedSink(out).accept(NpyHeader.bytes(descr, tensor.shape()), tensor));
    }
}
