package io.github.maskalign.encoders.text;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.util.Arrays;

/** Values of another tensor in another arrangement, as float32, computed when they are read. */
final class TensorPart implements TensorSource {
    private final TensorSource source;
    private final Shape shape;
    private final Arrangement arrangement;

    private TensorPart(TensorSource source, Shape shape, Arrangement arrangement) {
        this.source = source;
        this.shape = shape;
        this.arrangement = arrangement;
    }

    private interface Arrangement {
        float[] of(float[] values);
    }

    /** The i-th of three equal parts along the first axis. */
    static TensorSource third(TensorSource source, int i) {
        long[] part = source.shape().getShape().clone();
        part[0] /= 3;
        Shape shape = new Shape(part);
        int size = Math.toIntExact(shape.size());
        return new TensorPart(source, shape, values -> Arrays.copyOfRange(values, i * size, (i + 1) * size));
    }

    /** A matrix with rows and columns exchanged. */
    static TensorSource transposed(TensorSource source) {
        int rows = Math.toIntExact(source.shape().get(0));
        int columns = Math.toIntExact(source.shape().get(1));
        return new TensorPart(source, new Shape(columns, rows), values -> {
            float[] out = new float[values.length];
            for (int row = 0; row < rows; row++) {
                for (int column = 0; column < columns; column++) {
                    out[column * rows + row] = values[row * columns + column];
                }
            }
            return out;
        });
    }

    @Override
    public TensorType type() {
        return TensorType.F32;
    }

    @Override
    public Shape shape() {
        return shape;
    }

    @Override
    public void sendTo(Sink sink) throws IOException {
        TensorSource.of(shape, arrangement.of(source.floats())).sendTo(sink);
    }

    @Override
    public String origin() {
        return source.origin();
    }
}
