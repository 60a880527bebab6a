package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.TensorSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/** Counts the bytes of a tensor, computes their checksum, and passes them on if there is somewhere to. */
public final class CountedSink implements TensorSource.Sink {
    private final @Nullable WritableByteChannel out;
    private final CRC32 crc = new CRC32();
    private long count;

    public CountedSink(@Nullable WritableByteChannel out) {
        this.out = out;
    }

    @Override
    public void accept(ByteBuffer chunk) throws IOException {
        count += chunk.remaining();
        crc.update(chunk.duplicate());
        if (out == null) {
            chunk.position(chunk.limit());
        }
        while (out != null && chunk.hasRemaining()) {
            out.write(chunk);
        }
    }

    /** Sends a whole tensor here, header first. */
    public void accept(ByteBuffer header, TensorSource tensor) throws IOException {
        accept(header);
        long before = count;
        tensor.sendTo(this);
        if (count - before != tensor.byteSize()) {
            throw new IllegalStateException(tensor.origin() + " of type " + tensor.type() + " and shape "
                    + tensor.shape() + " must send " + tensor.byteSize() + " bytes but sent " + (count - before));
        }
    }

    public int crc() {
        return (int) crc.getValue();
    }
}
