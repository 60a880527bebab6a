package io.github.maskalign.sit.lab.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.distributed.Communicators.LocalCommunicator;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.random.internal.SplitMix64;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.lab.internal.Mirrors.Mirrored;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.EncoderSection;
import io.github.maskalign.sit.run.TrainingSource.TrainingPictures;
import io.github.maskalign.sit.run.internal.EncoderChoice;
import io.github.maskalign.sit.run.internal.RunData;
import io.github.maskalign.sit.run.internal.RunPlan;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** The pictures of an analysis with what encoders say about them, computed once. They are those at the first positions of
 * the order that the analysis's seed gives, so more pictures contain fewer. */
final class AnalysisPictures {
    private static final String NO_RANDOM =
            "the control with an untrained encoder is left out, as the data hold no pictures for it to look at";

    /**
     * Some pictures.
     *
     * @param first position of the first
     * @param latents (n, C, H, W)
     * @param labels (n), int64
     * @param tokens what the encoder says (n, 1+T, Z); null without an encoder
     * @param mirrored the same of the mirrored pictures; null unless there are controls
     * @param untrained what an encoder of random weights says; null if there are no pictures to look at
     */
    record Batch(
            int first,
            NDArray latents,
            NDArray labels,
            @Nullable NDArray tokens,
            @Nullable Mirrored mirrored,
            @Nullable NDArray untrained) {
        int size() {
            return (int) labels.size();
        }

        /** Gives all arrays to a manager. */
        Batch keptBy(NDManager manager) {
            NDList arrays = new NDList(latents, labels);
            if (tokens != null) {
                arrays.add(tokens);
            }
            if (mirrored != null) {
                arrays.add(mirrored.latents());
                arrays.add(mirrored.tokens());
            }
            if (untrained != null) {
                arrays.add(untrained);
            }
            arrays.attach(manager);
            return this;
        }

        NDArray requireTokens() {
            if (tokens == null) {
                throw new IllegalStateException("there is no encoder");
            }
            return tokens;
        }
    }

    private final List<Batch> batches;
    private final Draws draws;
    private final int[] others;
    private final String identity;
    private final int grid;
    private final List<String> notes;

    /**
     * Takes pictures whose tokens are known.
     *
     * @param batches of equal sizes but for the last
     * @param draws noise and masks at their positions
     * @param identity what tells these data from others
     * @param grid side of the grid of tokens
     * @param notes what was changed
     */
    AnalysisPictures(List<Batch> batches, Draws draws, String identity, int grid, List<String> notes) {
        this.batches = batches;
        this.draws = draws;
        others = others(draws, batches.stream().mapToInt(Batch::size).sum());
        this.identity = identity;
        this.grid = grid;
        this.notes = notes;
    }

    /**
     * Reads and encodes the pictures.
     *
     * @param config whose data and encoder; without subsets, as all tokens are looked at
     * @param controls whether what controls need is computed too
     */
    static AnalysisPictures open(
            RunConfig config,
            AnalysisSettings settings,
            boolean controls,
            Path cache,
            NDManager manager,
            Progress.Display display)
            throws IOException {
        Draws draws = new Draws(settings.seed());
        SiTConfig model = RunPlan.model(config);
        List<String> notes = new ArrayList<>();
        try (RunData data = RunData.open(config, cache, draws, new LocalCommunicator(), display);
                Opened encoder = new Opened(
                        data.data().tokenWidth() > 0
                                ? null
                                : EncoderChoice.first(config, model, data.pictureSide(), manager.getDevice()));
                GradMode constants = GradMode.off()) {
            long size = data.data().size();
            if (settings.pictures() > size) {
                throw new IllegalArgumentException("the data hold " + size + " pictures but " + settings.pictures()
                        + " were asked for: ask for fewer");
            }
            TrainingPictures all = data.pictures();
            TrainingPictures pictures = all != null && all.size() == size ? all : null;
            boolean controlled = controls && config.encoder().kind() != EncoderSection.Kind.NONE;
            if (controlled && pictures == null) {
                notes.add(NO_RANDOM);
            }
            EpochOrder order = new EpochOrder(draws, (int) Math.min(Integer.MAX_VALUE, size));
            List<Batch> batches = new ArrayList<>();
            try (Controls more = controlled
                    ? Controls.open(config, model, encoder.encoder, pictures, settings, manager)
                    : Controls.NONE) {
                for (int first = 0; first < settings.pictures(); first += settings.batch()) {
                    int count = Math.min(settings.batch(), settings.pictures() - first);
                    try (NDManager scratch = manager.newSubManager()) {
                        TrainingBatch read = data.data().batch(scratch, first, count);
                        NDArray tokens =
                                encoder.encoder == null ? read.tokens() : Mirrors.all(encoder.encoder, images(read));
                        NDArray images = read.images() != null || pictures == null || !controlled
                                ? read.images()
                                : pictures(scratch, pictures, order, first, count);
                        batches.add(
                                more.add(new Batch(first, read.latents(), read.labels(), tokens, null, null), images)
                                        .keptBy(manager));
                    }
                }
                notes.addAll(more.notes());
            }
            return new AnalysisPictures(batches, draws, data.identity(), model.grid(), notes);
        }
    }

    /** What controls need of each batch; nothing without an encoder. */
    private record Controls(
            @Nullable Mirrors mirrors, @Nullable RandomEncoder random) implements AutoCloseable {
        static final Controls NONE = new Controls(null, null);

        static Controls open(
                RunConfig config,
                SiTConfig model,
                @Nullable RepresentationEncoder encoder,
                @Nullable TrainingPictures pictures,
                AnalysisSettings settings,
                NDManager manager)
                throws IOException {
            int side = pictures == null ? 0 : pictures.side();
            return new Controls(
                    Mirrors.open(config, model, encoder, side, manager.getDevice()),
                    side == 0
                            ? null
                            : new RandomEncoder(
                                    side, model.grid(), config.encoder().width(), settings.seed(), manager));
        }

        Batch add(Batch batch, @Nullable NDArray images) {
            NDArray tokens = batch.tokens();
            if (mirrors == null || tokens == null) {
                return batch;
            }
            return new Batch(
                    batch.first(),
                    batch.latents(),
                    batch.labels(),
                    tokens,
                    mirrors.of(batch.latents(), tokens, images),
                    random == null || images == null ? null : random.tokens(images));
        }

        List<String> notes() {
            List<String> notes = new ArrayList<>(mirrors == null ? List.of() : mirrors.notes());
            if (random != null) {
                notes.add(random.describe());
            }
            return notes;
        }

        @Override
        public void close() {
            if (mirrors != null) {
                mirrors.close();
            }
            if (random != null) {
                random.close();
            }
        }
    }

    private static NDArray images(TrainingBatch batch) {
        NDArray images = batch.images();
        if (images == null) {
            throw new IllegalStateException("the data have no pictures for the encoder");
        }
        return images;
    }

    private static NDArray pictures(
            NDManager manager, TrainingPictures pictures, EpochOrder order, int first, int count) throws IOException {
        int bytes = 3 * pictures.side() * pictures.side();
        byte[] all = new byte[Math.multiplyExact(count, bytes)];
        byte[] one = new byte[bytes];
        for (int i = 0; i < count; i++) {
            pictures.reader().read(order.indexAt(first + i), one);
            System.arraycopy(one, 0, all, i * bytes, bytes);
        }
        return OwnedArrays.of(manager, new Shape(count, 3, pictures.side(), pictures.side()), all);
    }

    /** For each picture another one, whose targets it gets in the permuted control: a cycle through all. */
    private static int[] others(Draws draws, int pictures) {
        SplitMix64 random = draws.at(RandomStream.SAMPLE_LABEL, 0);
        int[] order = new int[pictures];
        for (int i = 0; i < pictures; i++) {
            int j = random.nextInt(i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        int[] next = new int[pictures];
        for (int i = 0; i < pictures; i++) {
            next[order[i]] = order[(i + 1) % pictures];
        }
        return next;
    }

    List<Batch> batches() {
        return batches;
    }

    Draws draws() {
        return draws;
    }

    /** Returns the number of pictures. */
    int size() {
        return others.length;
    }

    /** Returns what tells these data from others. */
    String identity() {
        return identity;
    }

    /** Returns the side of the encoder's grid of tokens. */
    int grid() {
        return grid;
    }

    List<String> notes() {
        return notes;
    }

    boolean hasTokens() {
        return batches.get(0).tokens() != null;
    }

    /** Returns the encoder's tokens of other pictures, one for each of the batch (n, 1+T, Z). */
    NDArray permuted(Batch batch, NDManager scratch) {
        int[] positions = Arrays.copyOfRange(others, batch.first(), batch.first() + batch.size());
        return rows(positions, Batch::requireTokens, scratch);
    }

    /** Returns pictures at consecutive positions, whatever batches they are in. */
    Batch slice(int first, int count, NDManager scratch) {
        int[] positions = IntStream.range(first, first + count).toArray();
        return new Batch(
                first,
                rows(positions, Batch::latents, scratch),
                rows(positions, Batch::labels, scratch),
                hasTokens() ? rows(positions, Batch::requireTokens, scratch) : null,
                null,
                null);
    }

    private NDArray rows(int[] positions, Function<Batch, NDArray> of, NDManager scratch) {
        int size = batches.get(0).size();
        NDList rows = new NDList();
        for (int position : positions) {
            NDArray row = of.apply(batches.get(position / size)).get(position % size);
            row.attach(scratch);
            rows.add(row);
        }
        NDArray stacked = NDArrays.stack(rows);
        stacked.attach(scratch);
        return stacked;
    }

    int[] labels() {
        int[] labels = new int[size()];
        for (Batch batch : batches) {
            long[] own = batch.labels().toLongArray();
            for (int i = 0; i < own.length; i++) {
                labels[batch.first() + i] = (int) own[i];
            }
        }
        return labels;
    }

    /** The encoder, if there is one. */
    private record Opened(@Nullable RepresentationEncoder encoder) implements AutoCloseable {
        @Override
        public void close() {
            if (encoder != null) {
                encoder.close();
            }
        }
    }
}
