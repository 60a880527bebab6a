package io.github.maskalign.core.files.internal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Path;

/** The real file system, which refuses to delete files whose names begin with a text. */
public final class UndeletableFiles implements FileOperations {
    private final String start;

    public UndeletableFiles(String start) {
        this.start = start;
    }

    @Override
    public void delete(Path path) throws IOException {
        if (path.getFileName().toString().startsWith(start)) {
            throw new AccessDeniedException(path.toString());
        }
        SYSTEM.delete(path);
    }

    @Override
    public FileChannel create(Path file) throws IOException {
        return SYSTEM.create(file);
    }

    @Override
    public void createDirectory(Path folder) throws IOException {
        SYSTEM.createDirectory(folder);
    }

    @Override
    public void write(FileChannel channel, ByteBuffer bytes) throws IOException {
        SYSTEM.write(channel, bytes);
    }

    @Override
    public void force(FileChannel channel) throws IOException {
        SYSTEM.force(channel);
    }

    @Override
    public void forceDirectory(Path folder) throws IOException {
        SYSTEM.forceDirectory(folder);
    }

    @Override
    public void publish(Path path) throws IOException {
        SYSTEM.publish(path);
    }

    @Override
    public void rename(Path from, Path to) throws IOException {
        SYSTEM.rename(from, to);
    }
}
