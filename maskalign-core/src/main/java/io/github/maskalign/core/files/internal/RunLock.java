package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.AtomicFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One process per run folder. The operating system holds the lock and drops it when the process ends in any way, so a
 * killed run leaves nothing to clean up.
 *
 * <p>The lock is on {@code run.lock}, which stays empty; {@code run.owner} says who holds it. Two files, because
 * closing any handle of a locked file gives up the lock of the whole process.
 */
public final class RunLock implements AutoCloseable {
    private static final String THIS_JVM = UUID.randomUUID().toString();

    private final FileChannel channel;
    private final FileLock lock;
    private final Path owner;

    private RunLock(FileChannel channel, FileLock lock, Path owner) {
        this.channel = channel;
        this.lock = lock;
        this.owner = owner;
    }

    /**
     * Takes the lock of a run folder, or fails at once; creates the folder if it is missing.
     *
     * @throws RunLockedException when another process, or another run in this one, has it
     */
    public static synchronized RunLock acquire(Path runFolder) throws IOException {
        AtomicFile.createFolders(runFolder);
        Path owner = runFolder.resolve("run.owner");
        String holder = holder(owner);
        if (holder != null && holder.contains(THIS_JVM)) { // opening run.lock again would end the lock
            throw new RunLockedException(runFolder, holder);
        }
        FileChannel channel =
                FileChannel.open(runFolder.resolve("run.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            FileLock lock = lock(channel, runFolder);
            if (lock == null) {
                throw new RunLockedException(runFolder, holder);
            }
            writeOwner(
                    owner,
                    "process " + ProcessHandle.current().pid() + " since "
                            + Instant.now().truncatedTo(ChronoUnit.SECONDS) + " (" + THIS_JVM + ")\n");
            return new RunLock(channel, lock, owner);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /**
     * Returns who has, or had when it was killed, the lock of a run folder, such as {@code process 12 since …}; null if
     * nobody. Looking takes no lock.
     */
    public static @Nullable String ownerOf(Path runFolder) throws IOException {
        return holder(runFolder.resolve("run.owner"));
    }

    /** Gives the lock back. */
    @Override
    public void close() throws IOException {
        synchronized (RunLock.class) {
            if (lock.isValid()) {
                Files.deleteIfExists(owner);
                channel.close();
            }
        }
    }

    private static @Nullable FileLock lock(FileChannel channel, Path runFolder) throws IOException {
        try {
            return channel.tryLock();
        } catch (IOException e) {
            throw new FileSystemException(
                    runFolder.resolve("run.lock").toString(),
                    null,
                    "the file system cannot lock the file (" + e.getMessage()
                            + "), and two processes could use the folder at once; choose a folder on another file system");
        }
    }

    private static void writeOwner(Path owner, String text) throws IOException {
        try {
            Files.writeString(owner, text);
        } catch (IOException e) {
            Files.deleteIfExists(owner); // half a text would name this process, which does not have the lock
            throw e;
        }
    }

    private static @Nullable String holder(Path owner) throws IOException {
        try {
            return new String(Files.readAllBytes(owner), StandardCharsets.UTF_8).strip();
        } catch (NoSuchFileException e) {
            return null;
        }
    }

    /** Another process has the run folder. */
    public static final class RunLockedException extends IOException {
        RunLockedException(Path runFolder, @Nullable String holder) {
            super(runFolder + " is in use by " + (holder == null ? "another process" : holder)
                    + "; one process at a time can write there, so stop it or choose another folder");
        }
    }
}
