package io.github.maskalign.core.files.internal;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.stream.IntStream;

/** Reads at places of a file. Large reads into direct memory are shared by several threads: one cannot copy fast enough. */
public final class PositionedReads {
    private static final int PIECE_BYTES = 4 << 20;

    private PositionedReads() {}

    /**
     * Fills the rest of a buffer with bytes from {@code position} on.
     *
     * @throws EOFException if the file ends before the buffer is full; what the buffer then holds is undefined
     */
    public static void fill(FileChannel channel, long position, ByteBuffer target) throws IOException {
        int bytes = target.remaining();
        if (!target.isDirect() || bytes < 2 * PIECE_BYTES) {
            fillAlone(channel, position, target);
            return;
        }
        int start = target.position();
        try {
            IntStream.range(0, (bytes + PIECE_BYTES - 1) / PIECE_BYTES)
                    .parallel()
                    .forEach(i -> {
                        int from = i * PIECE_BYTES;
                        try {
                            fillAlone(
                                    channel,
                                    position + from,
                                    target.slice(start + from, Math.min(PIECE_BYTES, bytes - from)));
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        target.position(target.limit());
    }

    private static void fillAlone(FileChannel channel, long position, ByteBuffer target) throws IOException {
        long from = position - target.position();
        while (target.hasRemaining()) {
            if (channel.read(target, from + target.position()) < 0) {
                throw new EOFException("end of file at " + (from + target.position()));
            }
        }
    }
}
