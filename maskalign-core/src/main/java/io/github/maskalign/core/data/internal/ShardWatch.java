package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.Digests;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compares all shards of a set with their hashes, once, on a thread of its own that rests three quarters of its time.
 *
 * <p>The first file that is not what the index says makes {@link #requireSound} fail from then on.
 */
final class ShardWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ShardWatch.class);

    /** Pause after each piece, in times of what the piece took: the cores and the disk are the training's. */
    private static final long REST = 3;

    private final Path folder;
    private final List<ShardIndex.Entry> shards;
    private final Thread thread;
    private volatile @Nullable Damage damage;
    private volatile boolean stopped;
    private long pieceBegan;

    /** What is wrong with which file. */
    private record Damage(Path file, String what) {}

    private ShardWatch(Path folder, List<ShardIndex.Entry> shards) {
        this.folder = folder;
        this.shards = shards;
        thread = new Thread(this::run, "maskalign-shard-check");
        thread.setDaemon(true);
        thread.setPriority(Thread.MIN_PRIORITY);
    }

    /** Begins. */
    static ShardWatch start(Path folder, List<ShardIndex.Entry> shards) {
        ShardWatch watch = new ShardWatch(folder, shards);
        watch.thread.start();
        return watch;
    }

    /** @throws CheckpointFormatException if a shard was found that is damaged or missing; names it */
    void requireSound() throws CheckpointFormatException {
        Damage found = damage;
        if (found != null) {
            throw new CheckpointFormatException(found.file(), found.what());
        }
    }

    private void run() {
        int checked = 0;
        try {
            for (; checked < shards.size() && damage == null; checked++) {
                check(
                        folder.resolve(ShardIndex.fileName(checked)),
                        shards.get(checked).sha256());
            }
        } catch (CancellationException e) {
            LOG.info("{} of {} shards of {} were compared with their hashes", checked, shards.size(), folder);
            return;
        }
        if (damage == null) {
            LOG.info("all {} shards of {} are as they were written", checked, folder);
        }
    }

    private void check(Path file, String expected) {
        pieceBegan = System.nanoTime();
        try {
            String found = Digests.sha256(file, this::rest);
            if (!found.equals(expected)) {
                report(file, "it is damaged: its SHA-256 is " + found + " but the index says " + expected);
            }
        } catch (NoSuchFileException e) {
            report(file, "there is no such file, but the index names it");
        } catch (IOException e) {
            if (stopped) {
                throw new CancellationException();
            }
            report(file, "it cannot be read: " + e.getMessage());
        }
    }

    private void report(Path file, String what) {
        Damage found = new Damage(file, what + "; put the file back, or prepare the set again, which makes it anew");
        LOG.error("{}: {}", found.file(), found.what());
        damage = found;
    }

    private void rest() {
        try {
            Thread.sleep((System.nanoTime() - pieceBegan) * REST / 1_000_000);
        } catch (InterruptedException e) {
            throw new CancellationException();
        }
        if (stopped) {
            throw new CancellationException();
        }
        pieceBegan = System.nanoTime();
    }

    /** Ends the thread at the next piece and waits for it. */
    @Override
    public void close() {
        stopped = true;
        thread.interrupt(); // it has its own files open, so nothing else closes with them
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
