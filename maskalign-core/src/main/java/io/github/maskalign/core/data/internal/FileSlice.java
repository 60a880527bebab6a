package io.github.maskalign.core.data.internal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;

/** A part of a file, read as if it were one: an archive inside an archive. Closing it leaves the file open. */
final class FileSlice implements SeekableByteChannel {
    private static final long MOST_BYTES = 256L << 20;

    private final FileChannel file;
    private final long begin;
    private final long length;
    private long position;
    private boolean open = true;

    FileSlice(FileChannel file, long begin, long length) {
        this.file = file;
        this.begin = begin;
        this.length = length;
    }

    /** Returns a part of a file as bytes. */
    static byte[] read(Path path, FileChannel file, long begin, long length) throws IOException {
        requireSmall(path, length);
        ByteBuffer bytes = ByteBuffer.allocate((int) length);
        while (bytes.hasRemaining()) {
            if (file.read(bytes, begin + bytes.position()) < 0) {
                throw new PictureSetException(path, "the archive ends inside a picture: it was cut off");
            }
        }
        return bytes.array();
    }

    static byte[] readWhole(Path path) throws IOException {
        requireSmall(path, Files.size(path));
        return Files.readAllBytes(path);
    }

    static void requireSmall(Path path, long length) throws PictureSetException {
        if (length < 0 || length > MOST_BYTES) {
            throw new PictureSetException(
                    path, "a picture must have at most " + MOST_BYTES + " bytes but one has " + length);
        }
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
        if (position >= length) {
            return -1;
        }
        int limit = target.limit();
        target.limit((int) Math.min(limit, target.position() + (length - position)));
        try {
            int count = file.read(target, begin + position);
            position += Math.max(0, count);
            return count;
        } finally {
            target.limit(limit);
        }
    }

    @Override
    public long position() {
        return position;
    }

    @Override
    public SeekableByteChannel position(long to) {
        position = to;
        return this;
    }

    @Override
    public long size() {
        return length;
    }

    @Override
    public boolean isOpen() {
        return open;
    }

    @Override
    public void close() {
        open = false;
    }

    @Override
    public int write(ByteBuffer source) {
        throw new NonWritableChannelException();
    }

    @Override
    public SeekableByteChannel truncate(long size) {
        throw new NonWritableChannelException();
    }
}
