package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.internal.TensorValues.HalfFloat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Tensors of float16 made of float32, and the other way; small ones, which are held in memory. */
final class HalfTensor {
    private HalfTensor() {}

    /** Rounds a float32 tensor to float16. */
    static TensorSource of(TensorSource wide) throws IOException {
        ByteBuffer in = bytes(wide);
        ByteBuffer out = ByteBuffer.allocate(in.remaining() / 2).order(ByteOrder.LITTLE_ENDIAN);
        while (in.hasRemaining()) {
            out.putShort(HalfFloat.ofFloat(in.getFloat()));
        }
        return new Held(TensorType.F16, wide.shape(), out.array());
    }

    /** Returns a float16 tensor as float32, and any other as it is. */
    static TensorSource widened(TensorSource half) throws IOException {
        if (half.type() != TensorType.F16) {
            return half;
        }
        ByteBuffer in = bytes(half);
        float[] values = new float[in.remaining() / 2];
        for (int i = 0; i < values.length; i++) {
            values[i] = HalfFloat.toFloat(in.getShort());
        }
        return TensorSource.of(half.shape(), values);
    }

    private static ByteBuffer bytes(TensorSource source) throws IOException {
        ByteBuffer buffer =
                ByteBuffer.allocate(Math.toIntExact(source.byteSize())).order(ByteOrder.LITTLE_ENDIAN);
        source.readInto(buffer);
        return buffer.flip();
    }

    private record Held(TensorType type, Shape shape, byte[] bytes) implements TensorSource {
        @Override
        public void sendTo(Sink sink) throws IOException {
            sink.accept(ByteBuffer.wrap(bytes));
        }
    }
}
