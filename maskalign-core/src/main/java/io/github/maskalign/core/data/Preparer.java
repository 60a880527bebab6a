package io.github.maskalign.core.data;

import io.github.maskalign.core.data.internal.Decoder;
import io.github.maskalign.core.data.internal.PictureEncoder;
import io.github.maskalign.core.data.internal.PictureSet;
import io.github.maskalign.core.data.internal.PictureSet.LabelledPicture;
import io.github.maskalign.core.data.internal.PreparedStore;
import io.github.maskalign.core.data.internal.PreparedStore.PrepareException;
import io.github.maskalign.core.data.internal.PreparedStore.PreparedSample;
import io.github.maskalign.core.data.internal.PreparedStore.SkippedPicture;
import io.github.maskalign.core.data.internal.SampleLayout;
import io.github.maskalign.core.data.internal.ShardBuilder.ShardRecord;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Prepares a picture set: every {@code shardPictures} pictures of the source, in its order, become one shard.
 *
 * <p>A shard depends on nothing but its pictures and the settings, so shards can be made by several processes, and a
 * killed process goes on at the shard it was at; a shard whose hash is not that of its record is made again. Pictures that cannot be decoded are left out and listed; samples carry
 * their name and label, so nothing is ever paired by rank. The index is written when all shards are there.
 */
public final class Preparer {
    private static final Logger LOG = LoggerFactory.getLogger(Preparer.class);

    private final PictureSet source;
    private final PictureEncoder encoder;
    private final PreparePlan plan;
    private final PreparedStore store;
    private final Map<String, String> settings;
    private final Set<Integer> sound = new HashSet<>();
    private volatile boolean stopRequested;

    /**
     * Plans the work.
     *
     * @param source the pictures; left open
     * @param encoder computes latents and tokens; left open
     * @param plan sizes
     * @param store where the set goes; made if it does not exist
     */
    public Preparer(PictureSet source, PictureEncoder encoder, PreparePlan plan, PreparedStore store) {
        this.source = source;
        this.encoder = encoder;
        this.plan = plan;
        this.store = store;
        Map<String, String> all = plan.settings(encoder.layout(), encoder, source.size());
        store.settings().forEach((name, value) -> all.merge(name, value, (own, added) -> own + ", " + added));
        settings = all;
    }

    /** Returns the number of shards of the whole set. */
    public int shards() {
        return (source.size() + plan.shardPictures() - 1) / plan.shardPictures();
    }

    /** Asks to stop after the batch that is computed; may be called from any thread. */
    public void requestStop() {
        stopRequested = true;
    }

    /**
     * Makes the shards {@code rank}, {@code rank + ranks}, … that are not there yet.
     *
     * @param rank number of this process in [0, ranks)
     * @param ranks number of processes
     * @return whether all of them are there; false after {@link #requestStop()}
     * @throws PrepareException if the folder holds a set that was prepared with other settings
     */
    public boolean run(int rank, int ranks, PrepareListener listener) throws IOException {
        if (ranks < 1 || rank < 0 || rank >= ranks) {
            throw new IllegalArgumentException("rank must be in [0, ranks) but was " + rank + " of " + ranks);
        }
        store.requireHolds(encoder.layout());
        Files.createDirectories(store.records());
        if (ranks == 1) {
            store.removeLeftovers();
        }
        int total = 0;
        for (int shard = rank; shard < shards(); shard += ranks) {
            total += last(shard) - first(shard);
        }
        Progress progress = new Progress(listener, total);
        try (Decoder decoder = new Decoder(source, plan.side(), plan.threads())) {
            for (int shard = rank; shard < shards(); shard += ranks) {
                if (stopRequested) {
                    return false;
                }
                Optional<ShardRecord> found = record(shard);
                if (found.isPresent() && isSound(shard, found.get())) {
                    progress.add(last(shard) - first(shard), false);
                } else if (!make(shard, decoder, progress)) {
                    return false;
                }
            }
        }
        return true;
    }

    private boolean make(int shard, Decoder decoder, Progress progress) throws IOException {
        SampleLayout layout = encoder.layout();
        PreparedStore.Part part = store.begin(shard, layout, settings);
        List<SkippedPicture> skipped = new ArrayList<>();
        decoder.begin(first(shard), last(shard));
        while (decoder.hasNext()) {
            List<Decoder.Cropped> batch = new ArrayList<>();
            int seen = 0;
            while (decoder.hasNext() && batch.size() < plan.batch()) {
                seen++;
                Decoder.Decoded decoded = decoder.next();
                if (decoded instanceof Decoder.Cropped cropped) {
                    batch.add(cropped);
                } else if (decoded instanceof Decoder.Broken broken) {
                    String name = source.picture(broken.index()).name();
                    skipped.add(new SkippedPicture(broken.index(), name, broken.reason()));
                }
            }
            encode(batch, layout, part);
            progress.add(seen, true);
            if (stopRequested) {
                return false;
            }
        }
        PreparedStore.Content content = part.finish();
        new ShardRecord(content.samples(), content.bytes(), content.sha256(), content.tokenError(), settings, skipped)
                .write(store.records(), shard);
        sound.add(shard);
        return true;
    }

    /** Whether the files of a part are those of its record, by their hash, which is computed once. */
    private boolean isSound(int shard, ShardRecord record) throws IOException {
        if (sound.contains(shard)) {
            return true;
        }
        if (store.sha256(shard, numbers(shard, record)).equals(record.sha256())) {
            sound.add(shard);
            return true;
        }
        LOG.warn("{}: shard {} is not what was written; it has to be made again", store.folder(), shard);
        return false;
    }

    private PreparedStore.Numbers numbers(int shard, ShardRecord record) {
        return new PreparedStore.Numbers(first(shard), last(shard), indices(record.skipped()));
    }

    /** The record of a finished part; empty if the part has to be made, as far as sizes tell. */
    private Optional<ShardRecord> record(int shard) throws IOException {
        Optional<ShardRecord> found = ShardRecord.read(store.records(), shard, settings);
        if (found.isEmpty()) {
            return found;
        }
        long bytes = store.bytes(shard, numbers(shard, found.get()));
        return bytes == found.get().bytes() ? found : Optional.empty();
    }

    private static Set<Integer> indices(List<SkippedPicture> skipped) {
        return skipped.stream().map(SkippedPicture::index).collect(Collectors.toSet());
    }

    private void encode(List<Decoder.Cropped> batch, SampleLayout layout, PreparedStore.Part part) throws IOException {
        if (batch.isEmpty()) {
            return;
        }
        List<PictureEncoder.Encoded> encoded =
                encoder.encode(batch.stream().map(Decoder.Cropped::pixels).toList());
        for (int i = 0; i < batch.size(); i++) {
            LabelledPicture picture = source.picture(batch.get(i).index());
            part.add(
                    batch.get(i).index(),
                    new PreparedSample(
                            picture.name(),
                            picture.label(),
                            encoded.get(i).moments(),
                            layout.imageSide() > 0 ? batch.get(i).pixels() : null,
                            encoded.get(i).tokens()));
        }
    }

    /** Whether all shards are there, whoever made them; their hashes are left to {@link #finish}. */
    public boolean isComplete() throws IOException {
        for (int shard = 0; shard < shards(); shard++) {
            if (record(shard).isEmpty()) {
                return false;
            }
        }
        return true;
    }

    /**
     * Writes the index, which makes the set usable.
     *
     * @return the pictures that were left out
     * @throws PrepareException if a shard is missing or damaged
     */
    public List<SkippedPicture> finish() throws IOException {
        List<PreparedStore.Content> parts = new ArrayList<>();
        List<SkippedPicture> skipped = new ArrayList<>();
        for (int shard = 0; shard < shards(); shard++) {
            Optional<ShardRecord> found = record(shard);
            if (found.isEmpty()) {
                throw new PrepareException(
                        store.folder() + ": shard " + shard + " of " + shards() + " is not there yet");
            }
            if (!isSound(shard, found.get())) {
                throw new PrepareException(store.folder() + ": shard " + shard + " of " + shards()
                        + " is damaged: its hash is not that of its record; the same command again makes it anew");
            }
            parts.add(new PreparedStore.Content(
                    found.get().size(),
                    found.get().bytes(),
                    found.get().sha256(),
                    found.get().tokenError()));
            skipped.addAll(found.get().skipped());
        }
        if (parts.stream().allMatch(part -> part.samples() == 0)) {
            throw new PrepareException("not one picture could be decoded; the first is "
                    + skipped.get(0).name() + ": " + skipped.get(0).reason());
        }
        store.finish(encoder.layout(), settings, source, parts, indices(skipped));
        return skipped;
    }

    private int first(int shard) {
        return shard * plan.shardPictures();
    }

    private int last(int shard) {
        return (int) Math.min(source.size(), (long) first(shard) + plan.shardPictures());
    }

    /** Counts. */
    private static final class Progress {
        private final PrepareListener listener;
        private final int total;
        private int done;
        private int computed;

        Progress(PrepareListener listener, int total) {
            this.listener = listener;
            this.total = total;
        }

        void add(int pictures, boolean work) {
            done += pictures;
            computed += work ? pictures : 0;
            listener.onProgress(done, computed, total);
        }
    }

    /**
     * How a set is prepared.
     *
     * @param side side of the crop in pixels, at least 1
     * @param shardPictures pictures of the source in each shard, at least 1; work that is lost when the process is killed
     * @param batch pictures encoded together, at least 1; changes no number but by rounding
     * @param threads threads that decode and crop, at least 1
     */
    public record PreparePlan(int side, int shardPictures, int batch, int threads) {
        /** @throws IllegalArgumentException if a number is below 1 */
        public PreparePlan {
            require("side", side);
            require("shardPictures", shardPictures);
            require("batch", batch);
            require("threads", threads);
        }

        /** Returns everything that the content of a shard depends on, by name. */
        Map<String, String> settings(SampleLayout layout, PictureEncoder encoder, int pictures) {
            Map<String, String> out = new TreeMap<>(encoder.settings());
            out.put("crop", "adm " + side);
            out.put("shard_pictures", Integer.toString(shardPictures));
            out.put("source_pictures", Integer.toString(pictures));
            out.put("layout", layout.toString());
            return out;
        }

        private static void require(String name, int value) {
            if (value < 1) {
                throw new IllegalArgumentException(name + " must be at least 1 but was " + value);
            }
        }
    }

    /** Told how preparing goes on, on the thread that prepares. */
    @FunctionalInterface
    public interface PrepareListener {
        /**
         * Called after each batch.
         *
         * @param done pictures of this process that are behind us, those of earlier runs included
         * @param computed pictures that this call has encoded
         * @param total pictures of this process
         */
        void onProgress(int done, int computed, int total);
    }
}
