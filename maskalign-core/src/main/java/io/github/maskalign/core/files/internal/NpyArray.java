package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import java.io.IOException;

/**
 * An array in a file: its header, and two ways to its bytes.
 *
 * @param shared for some rows; reading on where it stopped is cheap
 * @param opener for the whole, front to back, with its checksum where there is one
 */
public record NpyArray(NpyHeader header, ByteSupply shared, Opener opener, String origin) {
    /** Opens the bytes for one pass. */
    @FunctionalInterface
    public interface Opener {
        ByteSupply open() throws IOException;
    }

    public TensorSource tensor() {
        return new NpyTensor(this, header.shape(), 0, true);
    }

    public TensorSource rows(long from, long count) {
        Shape shape = header.shape();
        if (shape.dimension() == 0) {
            throw new IllegalArgumentException(origin + " is a single number and has no rows");
        }
        if (from < 0 || count < 0 || from > shape.get(0) - count) {
            throw new IllegalArgumentException(
                    origin + ": rows [" + from + ", " + (from + count) + ") must be among its " + shape.get(0));
        }
        long[] counts = shape.getShape().clone();
        counts[0] = count;
        return new NpyTensor(this, new Shape(counts), from, false);
    }

    /** Returns the number of bytes of one row. */
    long rowBytes() {
        Shape shape = header.shape();
        long bytes = header.elementBytes();
        for (int d = 1; d < shape.dimension(); d++) {
            bytes *= shape.get(d);
        }
        return bytes;
    }

    /** Tells whether the elements lie in an order other than C's; with one dimension there is but one. */
    boolean isTransposed() {
        return header.fortran()
                && header.shape().dimension() > 1
                && header.shape().size() > 0;
    }
}
