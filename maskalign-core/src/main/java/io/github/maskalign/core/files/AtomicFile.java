package io.github.maskalign.core.files;

import io.github.maskalign.core.files.internal.FileOperations;
import io.github.maskalign.core.files.internal.FileOperations.CheckpointWriteException;
import io.github.maskalign.core.files.internal.FileOperations.SystemFileOperations;
import io.github.maskalign.core.files.internal.FileOperations.TemporaryName;
import io.github.maskalign.core.files.internal.RunLock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Replaces a file in one step: whoever opens it finds the old content or the new, complete, never a part.
 *
 * <p>The content goes to {@code .NAME.tmp-<random>} in the same folder, readable by the owner only, and is forced to
 * the disk; the file then gets the readers of its folder (never writers), is renamed over the target, and the folder
 * is forced. After {@code write} returns, the new content survives a kill and a power loss; before, the old one does.
 * A failure deletes the temporary file; a kill leaves it to {@link #removeLeftovers}. Interrupting the writing thread
 * is a failure like any other.
 */
public final class AtomicFile {
    private AtomicFile() {}

    /** Writes the new content, front to back. */
    @FunctionalInterface
    public interface Content {
        /** Writes everything to {@code out}; an exception keeps the old file. */
        void writeTo(WritableByteChannel out) throws IOException;
    }

    /**
     * Replaces or creates {@code target} with what {@code content} writes.
     *
     * @throws CheckpointWriteException when the disk is full, fails or is not writable, with the state it is in
     */
    public static void write(Path target, Content content) throws IOException {
        write(FileOperations.SYSTEM, target, content);
    }

    /** Replaces or creates {@code target} with these bytes. */
    public static void write(Path target, byte[] bytes) throws IOException {
        write(target, out -> out.write(ByteBuffer.wrap(bytes)));
    }

    /** Replaces or creates {@code target} with this text in UTF-8. */
    public static void write(Path target, String text) throws IOException {
        write(target, text.getBytes(StandardCharsets.UTF_8));
    }

    /** Creates a folder and those around it that are missing, so that they too survive a power loss. */
    public static void createFolders(Path folder) throws IOException {
        Deque<Path> missing = new ArrayDeque<>();
        for (Path at = folder.toAbsolutePath(); at != null && !Files.exists(at); at = at.getParent()) {
            missing.push(at);
        }
        Files.createDirectories(folder);
        for (Path made : missing) {
            FileOperations.SYSTEM.forceDirectory(SystemFileOperations.parentOf(made));
        }
    }

    /**
     * Deletes the temporary files and folders that killed writers left in a folder, and returns how many. One that
     * cannot be deleted costs its space alone, so it is a warning. No other process may be writing there: hold the
     * {@link RunLock} of the run.
     *
     * @throws IOException if the folder cannot be read
     */
    public static int removeLeftovers(Path folder) throws IOException {
        return removeLeftovers(FileOperations.SYSTEM, folder);
    }

    static int removeLeftovers(FileOperations files, Path folder) throws IOException {
        int removed = 0;
        for (Path leftover : TemporaryName.leftoversIn(folder)) {
            removed += TemporaryName.deleteIfPossible(files, leftover) ? 1 : 0;
        }
        return removed;
    }

    /** Tells whether a file is named like one that a killed writer may have left. */
    public static boolean isLeftover(Path file) {
        return TemporaryName.isLeftover(file);
    }

    public static void write(FileOperations files, Path target, Content content) throws IOException {
        Path folder = SystemFileOperations.parentOf(target);
        Path temporary = TemporaryName.of(target);
        String whatIsThere = "what was there before is unchanged";
        try {
            writeNew(files, temporary, content);
            files.rename(temporary, target);
            whatIsThere = "it is complete, but a power loss may bring back what was there before";
            files.forceDirectory(folder);
        } catch (IOException e) {
            CheckpointWriteException failure = new CheckpointWriteException(target, whatIsThere, e);
            cleanUp(files, temporary, failure);
            throw failure;
        } catch (RuntimeException | Error e) {
            cleanUp(files, temporary, e);
            throw e;
        }
    }

    /** Writes a file that does not exist yet and forces it to the disk; the name is not forced. */
    public static void writeNew(FileOperations files, Path file, Content content) throws IOException {
        try (FileChannel channel = files.create(file)) {
            content.writeTo(new Sink(files, channel));
            files.publish(file);
            files.force(channel);
        }
    }

    public static void cleanUp(FileOperations files, Path temporary, Throwable failure) {
        try {
            TemporaryName.deleteTree(files, temporary);
        } catch (IOException e) {
            failure.addSuppressed(e); // removeLeftovers gets it at the next start
        }
    }

    /** Writes whole buffers; closing it is left to the file's owner. */
    private record Sink(FileOperations files, FileChannel channel) implements WritableByteChannel {
        @Override
        public int write(ByteBuffer bytes) throws IOException {
            int count = bytes.remaining();
            files.write(channel, bytes);
            return count;
        }

        @Override
        public boolean isOpen() {
            return channel.isOpen();
        }

        @Override
        public void close() {}
    }
}
