package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** An open file, read at given places by any number of threads. It is not mapped: a mapping faults if the file shrinks. */
record FileBytes(Path path, FileChannel channel, long size) implements AutoCloseable {
    static FileBytes open(Path path) throws IOException {
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        try {
            return new FileBytes(path, channel, channel.size());
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
            PositionedReads.fill(channel, position, bytes);
        } catch (EOFException e) {
            throw problem("the file became shorter while it was read: " + e.getMessage());
        }
    }

    CheckpointFormatException problem(String text) {
        return new CheckpointFormatException(path, text);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
