package io.github.maskalign.encoders.published;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Zeros for weights that a file leaves out, such as the bias of keys in DINOv3. */
record Blank(TensorType type, Shape shape) implements TensorSource {
    private static final int CHUNK = 1 << 16; // whole elements of every type

    @Override
    public void sendTo(Sink sink) throws IOException {
        for (long left = byteSize(); left > 0; left -= CHUNK) {
            sink.accept(ByteBuffer.allocate((int) Math.min(CHUNK, left)).asReadOnlyBuffer());
        }
    }
}
