package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.TensorSource;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * An open file, read at given places by any number of threads. It is not mapped: a mapping faults if the file shrinks.
 *
 * @param problems makes the exception that the format documents
 */
public record FileBytes(Path path, FileChannel channel, long size, Problems problems) implements AutoCloseable {
    private static final int PIECE_BYTES = 4 << 20;
    private static final int CHUNK_BYTES = 1 << 20;

    /** Makes an exception out of what is wrong with a file. */
    @FunctionalInterface
    public interface Problems {
        /** Returns the exception for a problem, a sentence without the file's name, and what led to it if anything did. */
        IOException of(String problem, @Nullable Throwable cause);
    }

    /** Opens a file whose problems are {@link CheckpointFormatException}s. */
    public static FileBytes open(Path path) throws IOException {
        return open(path, (problem, cause) -> {
            CheckpointFormatException damaged = new CheckpointFormatException(path, problem);
            if (cause != null) {
                damaged.initCause(cause);
            }
            return damaged;
        });
    }

    /** Opens a file. */
    public static FileBytes open(Path path, Problems problems) throws IOException {
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        try {
            return new FileBytes(path, channel, channel.size(), problems);
        } catch (IOException | RuntimeException | Error e) {
            channel.close();
            throw e;
        }
    }

    /** Returns {@code count} bytes, little-endian. The caller has made sure that the file has them. */
    ByteBuffer read(long position, int count) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
        read(position, bytes);
        return bytes.flip();
    }

    /** Fills the rest of a buffer. */
    void read(long position, ByteBuffer bytes) throws IOException {
        try {
            fill(channel, position, bytes);
        } catch (EOFException e) {
            throw problem("the file became shorter while it was read: " + e.getMessage(), e);
        }
    }

    IOException problem(String text) {
        return problems.of(text, null);
    }

    IOException problem(String text, @Nullable Throwable cause) {
        return problems.of(text, cause);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    /** Reads at a place of a file, all that the buffer has room for. */
    @FunctionalInterface
    public interface Reads {
        void read(long position, ByteBuffer target) throws IOException;
    }

    /** Sends bytes [begin, end) on, a MiB at a time. */
    public static void send(Reads reads, long begin, long end, TensorSource.Sink sink) throws IOException {
        ByteBuffer chunk =
                ByteBuffer.allocate((int) Math.min(CHUNK_BYTES, end - begin)).order(ByteOrder.LITTLE_ENDIAN);
        for (long position = begin; position < end; ) {
            chunk.clear().limit((int) Math.min(chunk.capacity(), end - position));
            reads.read(position, chunk);
            position += chunk.flip().remaining();
            sink.accept(chunk);
        }
    }

    /**
     * Fills the rest of a buffer with bytes from {@code position} on. Large reads into direct memory are shared by
     * several threads: one cannot copy fast enough.
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
