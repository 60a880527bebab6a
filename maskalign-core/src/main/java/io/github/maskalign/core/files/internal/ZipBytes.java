package io.github.maskalign.core.files.internal;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import org.jspecify.annotations.Nullable;

/** The bytes of the file, little-endian, read at given places by any number of threads. */
record ZipBytes(FileChannel channel, long size, ZipProblem problems) {
    /** Returns {@code count} bytes. The caller has made sure that the file has them. */
    ByteBuffer read(long position, int count) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
        fill(position, bytes);
        return bytes.flip();
    }

    void fill(long position, ByteBuffer target) throws IOException {
        try {
            PositionedReads.fill(channel, position, target);
        } catch (EOFException e) {
            throw problem("the file became shorter while it was read: " + e.getMessage(), e);
        }
    }

    IOException problem(String text) {
        return problem(text, null);
    }

    IOException problem(String text, @Nullable Throwable cause) {
        return problems.of(text, cause);
    }

    /** Makes the exception that the format documents out of what is wrong with its zip file. */
    @FunctionalInterface
    public interface ZipProblem {
        /** Returns the exception for a problem, a sentence without the file's name, and what led to it if anything did. */
        IOException of(String problem, @Nullable Throwable cause);
    }
}
