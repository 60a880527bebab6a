package io.github.maskalign.encoders.published;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Some rows of a tensor of rank 1 or more, read when they are needed.
 *
 * @param whole the tensor
 * @param from first row
 * @param shape shape of the rows; the first dimension is their number
 */
record RowRange(TensorSource whole, long from, Shape shape) implements TensorSource {
    /** Returns rows in [from, to). */
    static RowRange of(TensorSource whole, long from, long to) {
        return new RowRange(
                whole, from, new Shape(to - from).addAll(whole.shape().slice(1)));
    }

    @Override
    public TensorType type() {
        return whole.type();
    }

    @Override
    public String origin() {
        return whole.origin();
    }

    @Override
    public void sendTo(Sink sink) throws IOException {
        long start = shape.get(0) == 0 ? 0 : byteSize() / shape.get(0) * from;
        long end = start + byteSize();
        long[] at = {0};
        whole.sendTo(chunk -> {
            long begin = at[0];
            at[0] += chunk.remaining();
            long low = Math.max(begin, start);
            long high = Math.min(at[0], end);
            if (low < high) {
                ByteBuffer part = chunk.duplicate();
                part.position(chunk.position() + (int) (low - begin));
                part.limit(chunk.position() + (int) (high - begin));
                sink.accept(part);
            }
            chunk.position(chunk.limit());
        });
    }
}
