package io.github.maskalign.core.evaluate;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.util.List;

/** A float64 tensor in a Java array, and reading one without losing digits. */
record DoubleTensor(Shape shape, DoubleBuffer values) implements TensorSource {
    private static final int CHUNK_ELEMENTS = 1 << 16;

    static DoubleTensor of(double[] values, long... shape) {
        return new DoubleTensor(new Shape(shape), DoubleBuffer.wrap(values));
    }

    @Override
    public TensorType type() {
        return TensorType.F64;
    }

    @Override
    public void sendTo(Sink sink) throws IOException {
        int total = values.remaining();
        ByteBuffer chunk = ByteBuffer.allocate(Math.min(total, CHUNK_ELEMENTS) * Double.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int from = 0; from < total; from += CHUNK_ELEMENTS) {
            int count = Math.min(CHUNK_ELEMENTS, total - from);
            chunk.clear().limit(count * Double.BYTES);
            chunk.asDoubleBuffer().put(values.slice(from, count));
            sink.accept(chunk);
        }
    }

    /** Returns the numbers of a floating-point tensor. */
    static double[] read(TensorSource tensor) throws IOException {
        if (tensor.type() != TensorType.F64) {
            float[] singles = tensor.floats();
            double[] out = new double[singles.length];
            for (int i = 0; i < out.length; i++) {
                out[i] = singles[i];
            }
            return out;
        }
        if (tensor.shape().size() > Integer.MAX_VALUE - 8) {
            throw new CheckpointFormatException(
                    tensor.origin(), List.of("has " + tensor.shape().size() + " numbers, too many for one Java array"));
        }
        double[] out = new double[(int) tensor.shape().size()];
        DoubleBuffer target = DoubleBuffer.wrap(out);
        tensor.sendTo(chunk -> target.put(chunk.order(ByteOrder.LITTLE_ENDIAN).asDoubleBuffer()));
        return out;
    }
}
