package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;

/**
 * A tensor that comes into being while it is written, row after row, such as 50,000 samples as they are drawn. Its
 * size is known beforehand; it is asked for its bytes once.
 *
 * @param type type of the elements
 * @param shape shape of the whole
 * @param rows gives all bytes in order
 */
public record RowStream(TensorType type, Shape shape, Rows rows) implements TensorSource {
    /** Gives the bytes of a tensor. */
    @FunctionalInterface
    public interface Rows {
        /** Sends all bytes, row-major and little-endian, in pieces of any number of whole elements. */
        void sendTo(Sink sink) throws IOException;
    }

    @Override
    public void sendTo(Sink sink) throws IOException {
        rows.sendTo(sink);
    }
}
