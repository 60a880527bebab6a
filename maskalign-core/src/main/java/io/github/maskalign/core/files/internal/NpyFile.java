package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * An open {@code .npy} file: its header is checked and in memory, elements are read when they are asked for.
 *
 * <p>Versions 1.0 to 3.0, whole numbers, floats, complex64 and booleans, both byte orders, C and Fortran order (the
 * latter held in memory while it is transposed). Bytes behind the array are left alone, as NumPy does. Opening a file
 * that breaks a rule throws {@link io.github.maskalign.core.files.CheckpointFormatException}; Python objects and records
 * are refused.
 *
 * <p>All methods may be called by several threads at once.
 */
public final class NpyFile implements AutoCloseable {
    private final FileChannel channel;
    private final NpyArray array;

    private NpyFile(FileChannel channel, NpyArray array) {
        this.channel = channel;
        this.array = array;
    }

    /** Opens a file. */
    public static NpyFile open(Path path) throws IOException {
        String origin = path.toString();
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        try {
            ByteSupply bytes = new ByteSupply.OfFile(channel, 0, origin);
            NpyHeader header = NpyHeader.read(bytes, channel.size(), origin);
            return new NpyFile(channel, new NpyArray(header, bytes, () -> bytes, origin));
        } catch (IOException | RuntimeException | Error e) {
            channel.close();
            throw e;
        }
    }

    /** Returns the type of the elements. */
    public TensorType type() {
        return array.header().type().type();
    }

    /** Returns the shape; rank 0 for a single number. */
    public Shape shape() {
        return array.header().shape();
    }

    /** Returns the whole array, read when it is needed; the file must be open then. */
    public TensorSource tensor() {
        return array.tensor();
    }

    /**
     * Returns rows [from, from + count): a part along the first dimension, of which nothing else is read.
     *
     * @throws IllegalArgumentException if they are not all there, or the array is a single number
     */
    public TensorSource rows(long from, long count) {
        return array.rows(from, count);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
