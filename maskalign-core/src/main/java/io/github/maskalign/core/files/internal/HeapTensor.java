package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;

/** A tensor in a Java array. */
public record HeapTensor(TensorType type, Shape shape, Buffer values) implements TensorSource {
    private static final int CHUNK_ELEMENTS = 1 << 17;

    public static HeapTensor of(Shape shape, Buffer values) {
        if (shape.size() != values.remaining()) {
            throw new IllegalArgumentException("shape " + shape + " has " + shape.size() + " elements but "
                    + values.remaining() + " values were given");
        }
        return new HeapTensor(values instanceof FloatBuffer ? TensorType.F32 : TensorType.I64, shape, values);
    }

    @Override
    public void sendTo(Sink sink) throws IOException {
        int total = values.remaining();
        int elementBytes = type.bits() / 8;
        ByteBuffer chunk = ByteBuffer.allocate(Math.min(total, CHUNK_ELEMENTS) * elementBytes)
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int from = 0; from < total; from += CHUNK_ELEMENTS) {
            int count = Math.min(CHUNK_ELEMENTS, total - from);
            chunk.clear().limit(count * elementBytes);
            if (values instanceof FloatBuffer floats) {
                chunk.asFloatBuffer().put(floats.slice(from, count));
            } else {
                chunk.asLongBuffer().put(((LongBuffer) values).slice(from, count));
            }
            sink.accept(chunk);
        }
    }
}
