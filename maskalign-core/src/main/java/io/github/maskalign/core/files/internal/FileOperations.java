package io.github.maskalign.core.files.internal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/** The calls that a durable write is made of. Tests replace them, to fail or to stop at each one. */
public interface FileOperations {
    FileOperations SYSTEM = new SystemFileOperations();

    /** Creates a file that does not exist yet, readable by its owner only. */
    FileChannel create(Path file) throws IOException;

    /** Creates a folder that does not exist yet, readable by its owner only. */
    void createDirectory(Path folder) throws IOException;

    /** Writes all remaining bytes. */
    void write(FileChannel channel, ByteBuffer bytes) throws IOException;

    /** Brings the content of a file to the disk. */
    void force(FileChannel channel) throws IOException;

    /** Brings the names in a folder to the disk. */
    void forceDirectory(Path folder) throws IOException;

    /** Gives a complete file or folder the readers that the folder around it has. */
    void publish(Path path) throws IOException;

    /** Renames in one step: a reader sees the old or the new, and a file that has the name is replaced. */
    void rename(Path from, Path to) throws IOException;

    /** Deletes a file or an empty folder, if it exists. */
    void delete(Path path) throws IOException;
}
