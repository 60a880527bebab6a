package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.internal.ShardBuilder.Names;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.MessageText;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compares a prepared set with its index: hashes of all shards, their labels and names, the checksum of every sample,
 * finite numbers. Sets of the first format have no checksums of samples.
 */
public final class ShardVerifier {
    private static final int MOST_PROBLEMS = 100;

    private final Path folder;

    /** Prepares the check of a folder. */
    public ShardVerifier(Path folder) {
        this.folder = folder;
    }

    /**
     * Reads everything.
     *
     * @param progress told the number of shards behind us
     * @return what is wrong, at most 100 sentences; empty if nothing is
     * @throws IOException if there is no set or its index cannot be read
     */
    public List<String> problems(IntConsumer progress) throws IOException {
        List<String> problems = new ArrayList<>();
        try (ShardSet set = ShardSet.open(folder)) {
            int first = 0;
            for (int s = 0; s < set.index().shards().size() && problems.size() < MOST_PROBLEMS; s++) {
                ShardIndex.Entry entry = set.index().shards().get(s);
                Path file = folder.resolve(ShardIndex.fileName(s));
                try {
                    check(set, file, entry, first, problems);
                } catch (NoSuchFileException e) {
                    problems.add(file + ": there is no such file");
                } catch (IOException e) {
                    problems.add(String.valueOf(e.getMessage()));
                }
                first += entry.size();
                progress.accept(s + 1);
            }
        }
        return problems.subList(0, Math.min(problems.size(), MOST_PROBLEMS));
    }

    private static void check(ShardSet set, Path file, ShardIndex.Entry entry, int first, List<String> problems)
            throws IOException {
        String sha256 = Digests.sha256(file);
        if (!sha256.equals(entry.sha256())) {
            problems.add(file + ": its SHA-256 is " + sha256 + " but the index says " + entry.sha256());
        }
        SampleLayout layout = set.layout();
        float[] moments = new float[layout.momentValues()];
        float[] tokens = new float[layout.tokenValues()];
        byte[] image = new byte[layout.imageBytes()];
        try (Shard shard = Shard.open(file, layout, entry.size(), set.checks(), first)) {
            long[] labels = shard.labels();
            Names names = shard.names(entry.size());
            for (int i = 0; i < entry.size() && problems.size() < MOST_PROBLEMS; i++) {
                if (labels[i] != set.label(first + i) || !names.get(i).equals(set.name(first + i))) {
                    problems.add(file + ": sample " + i + " is " + MessageText.value(names.get(i)) + " of class "
                            + labels[i] + " but the index says " + MessageText.value(set.name(first + i)) + " of class "
                            + set.label(first + i));
                }
                int row = i;
                boolean sound = read(() -> shard.readMoments(row, moments, 0), problems);
                if (sound) {
                    requireFinite(file, MessageText.value(names.get(i)), "moments", moments, problems);
                }
                if (image.length > 0) {
                    read(() -> shard.readImage(row, image, 0), problems);
                }
                if (tokens.length > 0 && read(() -> shard.readTokens(row, tokens, 0), problems)) {
                    requireFinite(file, MessageText.value(names.get(i)), "tokens", tokens, problems);
                }
            }
        }
    }

    private interface Read {
        void run() throws IOException;
    }

    private static boolean read(Read part, List<String> problems) throws IOException {
        try {
            part.run();
            return true;
        } catch (CheckpointFormatException e) {
            problems.add(String.valueOf(e.getMessage()));
            return false;
        }
    }

    private static void requireFinite(Path file, String name, String what, float[] values, List<String> problems) {
        for (float value : values) {
            if (!Float.isFinite(value)) {
                problems.add(file + ": " + what + " of " + name + " are not finite");
                return;
            }
        }
    }

    /**
     * Compares all shards of a set with their hashes, once, on a thread of its own that rests three quarters of its time.
     *
     * <p>The first file that is not what the index says makes {@link #requireSound} fail from then on.
     */
    static final class ShardWatch implements AutoCloseable {
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
            Damage found =
                    new Damage(file, what + "; put the file back, or prepare the set again, which makes it anew");
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
}
