package io.github.maskalign.core.files.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A tensor in an NDArray. Its bytes are seen through a view of the engine's memory; libtorch is little-endian. */
public record ArrayTensor(NDArray array, TensorType type, Shape shape) implements TensorSource {
    private static final int CHUNK_BYTES = 8 << 20;

    @Override
    public String origin() {
        String name = array.getName();
        return name == null ? "array " + shape : "array " + StrictJson.quote(name);
    }

    @Override
    public void sendTo(Sink sink) throws IOException {
        long size = byteSize();
        if (size == 0) {
            return;
        }
        if (size > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(
                    origin() + " must have less than 2 GiB to leave the engine but has " + size + " bytes");
        }
        // Copies that the engine makes of views and of device memory belong to the scratch manager.
        try (NDManager scratch = array.getManager().newSubManager(Device.cpu())) {
            NDArray flat = array.flatten();
            flat.attach(scratch);
            if (flat.getDevice().isGpu()) {
                flat = flat.toDevice(Device.cpu(), true);
            }
            ByteBuffer bytes = flat.toByteBuffer(true);
            while (bytes.hasRemaining()) {
                int count = Math.min(CHUNK_BYTES, bytes.remaining());
                sink.accept(bytes.slice(bytes.position(), count).order(bytes.order()));
                bytes.position(bytes.position() + count);
            }
        }
    }
}
