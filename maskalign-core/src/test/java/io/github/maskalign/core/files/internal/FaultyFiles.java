package io.github.maskalign.core.files.internal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/** The real file system, until the n-th call: that one fails, or the process is killed before or after it. */
public final class FaultyFiles implements FileOperations {
    public enum Fault {
        /** The call does nothing (a write does half) and throws, as on a full disk; later calls work. */
        FAIL,
        /** The call and all later ones fail, as on a disk that went away. */
        FAIL_FOR_GOOD,
        /** The process ends before the call (in the middle of a write). */
        KILL_BEFORE,
        /** The process ends after the call. */
        KILL_AFTER
    }

    /** Stands for SIGKILL: nothing that follows reaches the disk. */
    public static final class Killed extends Error {
        private static final long serialVersionUID = 1;

        Killed() {
            super("killed");
        }
    }

    private final Fault fault;
    private final int at;
    private int calls;
    private boolean dead;

    public FaultyFiles(Fault fault, int at) {
        this.fault = fault;
        this.at = at;
    }

    /** Tells whether the n-th call came. */
    public boolean struck() {
        return calls > at;
    }

    private interface Call {
        void run() throws IOException;
    }

    private void step(Call half, Call whole) throws IOException {
        if (dead) {
            throw new Killed();
        }
        int call = calls++;
        if (call < at || (call > at && fault == Fault.FAIL)) {
            whole.run();
            return;
        }
        switch (fault) {
            case FAIL, FAIL_FOR_GOOD -> {
                half.run();
                throw new IOException("No space left on device");
            }
            case KILL_BEFORE -> half.run();
            case KILL_AFTER -> whole.run();
        }
        dead = true;
        throw new Killed();
    }

    private void step(Call whole) throws IOException {
        step(() -> {}, whole);
    }

    @Override
    public FileChannel create(Path file) throws IOException {
        FileChannel[] channel = new FileChannel[1];
        try {
            step(() -> channel[0] = SYSTEM.create(file));
        } catch (IOException | Error e) {
            if (channel[0] != null) {
                channel[0].close();
            }
            throw e;
        }
        return channel[0];
    }

    @Override
    public void createDirectory(Path folder) throws IOException {
        step(() -> SYSTEM.createDirectory(folder));
    }

    @Override
    public void write(FileChannel channel, ByteBuffer bytes) throws IOException {
        step(
                () -> SYSTEM.write(channel, bytes.slice(bytes.position(), bytes.remaining() / 2)),
                () -> SYSTEM.write(channel, bytes));
    }

    @Override
    public void force(FileChannel channel) throws IOException {
        step(() -> SYSTEM.force(channel));
    }

    @Override
    public void forceDirectory(Path folder) throws IOException {
        step(() -> SYSTEM.forceDirectory(folder));
    }

    @Override
    public void publish(Path path) throws IOException {
        step(() -> SYSTEM.publish(path));
    }

    @Override
    public void rename(Path from, Path to) throws IOException {
        step(() -> SYSTEM.rename(from, to));
    }

    @Override
    public void delete(Path path) throws IOException {
        step(() -> SYSTEM.delete(path));
    }
}
