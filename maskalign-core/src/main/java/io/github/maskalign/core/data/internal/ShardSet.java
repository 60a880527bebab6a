package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.data.internal.ShardBuilder.Names;
import io.github.maskalign.core.data.internal.ShardVerifier.ShardWatch;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A prepared set in our own format: {@link ShardIndex} and the shards it names.
 *
 * <p>Opening reads the index alone; a shard is opened and its shapes are checked when one of its samples is first read.
 * What is read is compared with the sample's CRC-32C in the index, and a difference is a
 * {@link CheckpointFormatException} that names file and sample; sets of the first format have no such checksums. At most
 * 512 shards are open at a time.
 */
public final class ShardSet implements PreparedSamples {
    private static final int MOST_OPEN = 512;

    private final ShardIndex index;
    private final String identity;
    private final int[] labels;
    private final Names names;
    private final int[] firstOfShard;
    private final OpenShards open;
    private final Path folder;
    private final SampleChecks checks;
    private final @Nullable FeatureBasis basis;
    private volatile @Nullable ShardWatch watch;

    private ShardSet(Path folder, ShardIndex index, int[] labels, Names names, SampleChecks checks, int mostOpen)
            throws IOException {
        this.folder = folder;
        basis = basis(folder, index);
        this.checks = checks;
        this.index = index;
        this.labels = labels;
        this.names = names;
        identity = index.identity();
        int[] starts = new int[index.shards().size() + 1];
        for (int s = 0; s < index.shards().size(); s++) {
            starts[s + 1] = starts[s] + index.shards().get(s).size();
        }
        firstOfShard = starts;
        open = new OpenShards(
                number -> Shard.open(
                        folder.resolve(ShardIndex.fileName(number)),
                        index.layout(),
                        index.shards().get(number).size(),
                        checks,
                        starts[number]),
                mostOpen);
    }

    /**
     * Opens a set.
     *
     * @throws NoSuchFileException if the folder has no index: it holds no set, or preparing it was not finished
     * @throws CheckpointFormatException if the index is damaged
     */
    public static ShardSet open(Path folder) throws IOException {
        return open(folder, MOST_OPEN);
    }

    /** As the other method, with at most so many shards open at a time. */
    static ShardSet open(Path folder, int mostOpen) throws IOException {
        Path path = folder.resolve(ShardIndex.FILE);
        if (!Files.exists(path)) {
            throw new NoSuchFileException(
                    path.toString(), null, "no prepared set, or one that is not finished; prepare it first");
        }
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            ShardIndex index = ShardIndex.read(file);
            long samples =
                    index.shards().stream().mapToLong(ShardIndex.Entry::size).sum();
            long[] labels = file.longs(ShardBuilder.LABEL);
            if (labels.length != samples || samples == 0) {
                throw new CheckpointFormatException(
                        path, "there are " + labels.length + " labels for the " + samples + " samples of all shards");
            }
            int[] small = new int[labels.length];
            for (int i = 0; i < labels.length; i++) {
                if (labels[i] < 0 || labels[i] >= index.classes().size()) {
                    throw new CheckpointFormatException(
                            path,
                            "labels must be in [0, " + (index.classes().size() - 1) + "] but one is " + labels[i]);
                }
                small[i] = (int) labels[i];
            }
            Names names = Names.read(file, ShardBuilder.NAME, labels.length);
            SampleChecks checks =
                    ShardIndex.hasChecksums(file) ? SampleChecks.read(file, index.layout(), names) : SampleChecks.NONE;
            return new ShardSet(folder, index, small, names, checks, mostOpen);
        }
    }

    /** Reads the basis of the features, if the set was prepared with one. */
    private static @Nullable FeatureBasis basis(Path folder, ShardIndex index) throws IOException {
        String expected = index.settings().get(FeatureBasis.SETTING);
        if (expected == null) {
            return null;
        }
        Path file = folder.resolve(FeatureBasis.FILE);
        if (!Files.exists(file)) {
            throw new NoSuchFileException(
                    file.toString(), null, "the basis of the set's features is missing; prepare the set again");
        }
        FeatureBasis found = FeatureBasis.read(file);
        if (!found.identity().equals(expected)) {
            throw new CheckpointFormatException(
                    file,
                    "it is not the basis that the set was prepared with: its hash is " + found.identity() + ", not "
                            + expected);
        }
        return found;
    }

    @Override
    public Optional<FeatureBasis> featureBasis() {
        return Optional.ofNullable(basis);
    }

    /** Returns the index. */
    public ShardIndex index() {
        return index;
    }

    @Override
    public int size() {
        return labels.length;
    }

    @Override
    public int classes() {
        return index.classes().size();
    }

    @Override
    public List<String> classNames() {
        return index.classes();
    }

    @Override
    public SampleLayout layout() {
        return index.layout();
    }

    @Override
    public String identity() {
        return identity;
    }

    @Override
    public int label(int i) {
        return labels[i];
    }

    @Override
    public String name(int i) {
        return names.get(i);
    }

    @Override
    public void readMoments(int i, float[] target, int from) throws IOException {
        int shard = shardOf(i);
        use(shard, reader -> reader.readMoments(i - firstOfShard[shard], target, from));
    }

    @Override
    public void readImage(int i, byte[] target, int from) throws IOException {
        int shard = shardOf(i);
        use(shard, reader -> reader.readImage(i - firstOfShard[shard], target, from));
    }

    @Override
    public void readTokens(int i, float[] target, int from) throws IOException {
        int shard = shardOf(i);
        use(shard, reader -> reader.readTokens(i - firstOfShard[shard], target, from));
    }

    @Override
    public void readTokens(int i, int[] rows, float[] target, int from) throws IOException {
        int shard = shardOf(i);
        use(shard, reader -> reader.readTokens(i - firstOfShard[shard], rows, target, from));
    }

    @Override
    public synchronized Optional<String> watch() {
        if (watch == null) {
            watch = ShardWatch.start(folder, index.shards());
        }
        return hasChecksums()
                ? Optional.empty()
                : Optional.of("the set is of the first format, which has no checksums of samples: a damaged shard is"
                        + " noticed when its hash is compared in the background, perhaps after samples of it were used;"
                        + " sets that are prepared now have them");
    }

    /** Tells whether the index has a checksum of every sample, which the first format had not. */
    public boolean hasChecksums() {
        return checks.present();
    }

    /** Returns what everything read of the set is compared with. */
    SampleChecks checks() {
        return checks;
    }

    private void use(int shard, OpenShards.Use use) throws IOException {
        ShardWatch watching = watch;
        if (watching != null) {
            watching.requireSound();
        }
        open.use(shard, use);
    }

    private int shardOf(int i) {
        if (i < 0 || i >= labels.length) {
            throw new IllegalArgumentException("sample must be in [0, " + (labels.length - 1) + "] but was " + i);
        }
        int found = Arrays.binarySearch(firstOfShard, i);
        int shard = found >= 0 ? found : -found - 2;
        while (firstOfShard[shard + 1] == i) { // an empty shard begins where the next one does
            shard++;
        }
        return shard;
    }

    @Override
    public void close() throws IOException {
        ShardWatch watching = watch;
        if (watching != null) {
            watching.close();
        }
        open.close();
    }

    /**
     * Shards of which at most a number are open: the one used least recently is closed, once nobody reads from it any
     * more. Several threads may use it; each opens its shard without holding up the others.
     */
    static final class OpenShards implements AutoCloseable {
        private final Opening opening;
        private final int most;
        private final Map<Integer, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);
        private boolean closed;

        /** Opens a shard. */
        @FunctionalInterface
        interface Opening {
            Shard open(int number) throws IOException;
        }

        /** Reads from a shard. */
        @FunctionalInterface
        interface Use {
            void of(Shard shard) throws IOException;
        }

        private static final class Entry {
            private @Nullable Shard shard;
            private int users;
            private boolean dropped;
        }

        OpenShards(Opening opening, int most) {
            this.opening = opening;
            this.most = most;
        }

        void use(int number, Use use) throws IOException {
            Entry entry = enter(number);
            try {
                use.of(opened(number, entry));
            } finally {
                leave(entry);
            }
        }

        private Entry enter(int number) throws IOException {
            Entry entry;
            Entry idle = null;
            synchronized (entries) {
                if (closed) {
                    throw new IllegalStateException("samples were asked for after the prepared set was closed");
                }
                entry = entries.computeIfAbsent(number, n -> new Entry());
                entry.users++;
                if (entries.size() > most) {
                    Iterator<Entry> byAge = entries.values().iterator();
                    Entry oldest = byAge.next(); // not this one, which is the newest
                    byAge.remove();
                    oldest.dropped = true;
                    idle = oldest.users == 0 ? oldest : null;
                }
            }
            close(idle);
            return entry;
        }

        private Shard opened(int number, Entry entry) throws IOException {
            synchronized (entry) {
                Shard shard = entry.shard;
                if (shard == null) {
                    shard = opening.open(number);
                    entry.shard = shard;
                }
                return shard;
            }
        }

        private void leave(Entry entry) throws IOException {
            boolean last;
            synchronized (entries) {
                entry.users--;
                last = entry.dropped && entry.users == 0;
            }
            close(last ? entry : null);
        }

        private static void close(@Nullable Entry entry) throws IOException {
            if (entry != null) {
                synchronized (entry) {
                    if (entry.shard != null) {
                        entry.shard.close();
                    }
                }
            }
        }

        /** Closes all that nobody reads from; the others close when their readers are done. */
        @Override
        public void close() throws IOException {
            List<Entry> idle = new ArrayList<>();
            synchronized (entries) {
                closed = true;
                for (Entry entry : entries.values()) {
                    entry.dropped = true;
                    if (entry.users == 0) {
                        idle.add(entry);
                    }
                }
                entries.clear();
            }
            for (Entry entry : idle) {
                close(entry);
            }
        }
    }
}
