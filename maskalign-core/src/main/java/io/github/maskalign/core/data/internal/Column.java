package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** One tensor of a shard while it grows, a row for each sample, little-endian. */
final class Column implements TensorSource {
    private final TensorType type;
    private final long[] rowShape;
    private final List<byte[]> chunks = new ArrayList<>();
    private long rows;

    Column(TensorType type, long... rowShape) {
        this.type = type;
        this.rowShape = rowShape;
    }

    /** Appends whole rows. */
    void add(byte[] bytes, int count) {
        chunks.add(bytes);
        rows += count;
    }

    void addInt(int value) {
        add(
                ByteBuffer.allocate(Integer.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(value)
                        .array(),
                1);
    }

    /** Appends a row and returns its bytes. */
    byte[] addFloats(float[] values) {
        ByteBuffer row = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        row.asFloatBuffer().put(values);
        add(row.array(), 1);
        return row.array();
    }

    @Override
    public TensorType type() {
        return type;
    }

    @Override
    public Shape shape() {
        return new Shape(rows).addAll(new Shape(rowShape));
    }

    @Override
    public void sendTo(Sink sink) throws IOException {
        for (byte[] chunk : chunks) {
            sink.accept(ByteBuffer.wrap(chunk).order(ByteOrder.LITTLE_ENDIAN));
        }
    }
}
