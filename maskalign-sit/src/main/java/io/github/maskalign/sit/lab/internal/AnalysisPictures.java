package io.github.maskalign.sit.lab.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.FeatureBasis;
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
import io.github.maskalign.sit.run.internal.EndToEndRun;
import io.github.maskalign.sit.run.internal.RunData;
import io.github.maskalign.sit.run.internal.RunPlan;
import io.github.maskalign.sit.run.internal.TrainedLatents;
import io.github.maskalign.sit.run.internal.TrainedLatents.Coder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
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
     * @param tokens what each encoder says (n, 1+T, Z); empty without one
     * @param mirrored the same of the mirrored pictures; null unless there are controls
     * @param untrained for each encoder what one of random weights says; empty if there are no pictures to look at
     */
    record Batch(
            int first,
            NDArray latents,
            NDArray labels,
            List<NDArray> tokens,
            @Nullable Mirrored mirrored,
            List<NDArray> untrained) {
        /** Copies the lists. */
        Batch {
            tokens = List.copyOf(tokens);
            untrained = List.copyOf(untrained);
        }

        int size() {
            return (int) labels.size();
        }

        /** Gives all arrays to a manager. */
        Batch keptBy(NDManager manager) {
            NDList arrays = new NDList(latents, labels);
            arrays.addAll(tokens);
            if (mirrored != null) {
                arrays.add(mirrored.latents());
                arrays.addAll(mirrored.tokens());
            }
            arrays.addAll(untrained);
            arrays.attach(manager);
            return this;
        }
    }

    private final List<Batch> batches;
    private final Draws draws;
    private final int[] others;
    private final Facts facts;
    private final List<List<NDArray>> lastBlocks; // of each batch and encoder
    private final List<NDArray> images; // (n, 3, H, W) of each batch; empty unless some weights encode them anew
    private final String latents;

    /**
     * What is known of all pictures.
     *
     * @param identity what tells these data from others
     * @param grid side of the grid of tokens
     * @param basis what makes features of the first encoder's tokens, if the data have one
     * @param borrowed whether the tokens are of an encoder that no run named, to be compared with alone
     * @param widths width of one block of each encoder that the config names; tokens may have others, or features, in front
     * @param notes what was changed
     */
    record Facts(
            String identity,
            int grid,
            Optional<FeatureBasis> basis,
            boolean borrowed,
            List<Integer> widths,
            List<String> notes) {}

    /**
     * What is needed beside what the data hold.
     *
     * @param controls what controls need
     * @param data whether there are weights that see the data's latents
     * @param own a run whose weights do not, but make theirs of the pictures; empty if there is none
     */
    record Wanted(boolean controls, boolean data, Optional<RunConfig> own) {}

    /**
     * Takes pictures whose tokens are known.
     *
     * @param batches of equal sizes but for the last
     * @param draws noise and masks at their positions
     * @param facts what is known of all
     */
    AnalysisPictures(List<Batch> batches, Draws draws, Facts facts) {
        this(batches, List.of(), draws, facts);
    }

    private AnalysisPictures(List<Batch> batches, List<NDArray> images, Draws draws, Facts facts) {
        this.images = images;
        latents = "";
        this.batches = batches;
        this.draws = draws;
        others = others(draws, batches.stream().mapToInt(Batch::size).sum());
        this.facts = facts;
        lastBlocks = batches.stream()
                .map(batch -> IntStream.range(0, batch.tokens().size())
                        .mapToObj(i -> lastBlock(batch.tokens().get(i), facts.borrowed ? 0 : facts.widths.get(i)))
                        .toList())
                .toList();
    }

    private AnalysisPictures(List<Batch> batches, AnalysisPictures like, String latents) {
        this.batches = batches;
        this.latents = latents;
        draws = like.draws;
        others = like.others;
        facts = like.facts;
        lastBlocks = like.lastBlocks;
        images = like.images;
    }

    /**
     * Returns the same pictures as weights see them that were trained along with an autoencoder of their own: other latents,
     * also of the mirrored pictures, sampled with the noise that prepared latents have at their positions, and nothing else.
     *
     * @param weights the weights, which tell these latents from others
     * @param owner gets the latents
     */
    AnalysisPictures seenBy(TrainedLatents own, Path weights, NDManager owner) throws IOException {
        List<Batch> seen = new ArrayList<>();
        try (Coder coder = own.open(owner.getDevice());
                GradMode constants = GradMode.off()) {
            for (int i = 0; i < batches.size(); i++) {
                Batch batch = batches.get(i);
                try (NDManager scratch = owner.newSubManager()) {
                    Shape shape = batch.latents().getShape();
                    int values = Math.toIntExact(shape.size() / batch.size());
                    float[] numbers = draws.normal(RandomStream.POSTERIOR, batch.first(), batch.size(), values);
                    NDArray noise = OwnedArrays.of(scratch, shape, numbers);
                    NDArray plain = coder.latents(images.get(i), noise);
                    plain.attach(owner);
                    Mirrored mirrored = batch.mirrored();
                    if (mirrored != null) {
                        NDArray flipped = Mirrors.flip(images.get(i));
                        flipped.attach(scratch);
                        NDArray other = coder.latents(flipped, Mirrors.flip(noise));
                        other.attach(owner);
                        mirrored = new Mirrored(other, mirrored.tokens());
                    }
                    seen.add(new Batch(
                            batch.first(), plain, batch.labels(), batch.tokens(), mirrored, batch.untrained()));
                }
            }
        }
        return new AnalysisPictures(seen, this, weights.toString());
    }

    /** The last numbers of tokens, so many; all if they are not more, or so many is 0. */
    private static NDArray lastBlock(NDArray tokens, int width) {
        return width > 0 && tokens.getShape().get(2) > width
                ? tokens.get(new NDIndex(":, :, -" + width + ":"))
                : tokens;
    }

    /**
     * Reads and encodes the pictures.
     *
     * @param config whose data and encoders; without subsets, as all tokens are looked at
     * @param wanted what else is computed
     * @throws IllegalArgumentException if there are fewer pictures than asked for, or none where some weights need them
     */
    static AnalysisPictures open(
            RunConfig config,
            AnalysisSettings settings,
            Wanted wanted,
            Path cache,
            NDManager manager,
            Progress.Display display)
            throws IOException {
        Draws draws = new Draws(settings.seed());
        SiTConfig model = RunPlan.model(config);
        List<String> notes = new ArrayList<>();
        try (RunData data = RunData.open(config, cache, draws, new LocalCommunicator(), display);
                PictureEncoders encoders = PictureEncoders.of(config, model, settings, data, manager.getDevice());
                GradMode constants = GradMode.off()) {
            long size = data.data().size();
            if (settings.pictures() > size) {
                throw new IllegalArgumentException("the data hold " + size + " pictures but " + settings.pictures()
                        + " were asked for: ask for fewer");
            }
            TrainingPictures all = data.pictures();
            TrainingPictures pictures = all != null && all.size() == size ? all : null;
            wanted.own.ifPresent(run -> EndToEndRun.requirePictures(run, pictures == null ? 0 : pictures.side()));
            boolean controlled = wanted.controls && config.encoder().kind() != EncoderSection.Kind.NONE;
            if (controlled && pictures == null) {
                notes.add(NO_RANDOM);
            }
            EpochOrder order = new EpochOrder(draws, (int) Math.min(Integer.MAX_VALUE, size));
            List<Batch> batches = new ArrayList<>();
            List<NDArray> kept = new ArrayList<>();
            boolean seen = controlled || encoders.borrowed() || wanted.own.isPresent();
            try (PictureControls more = controlled
                    ? PictureControls.open(config, model, encoders.list(), pictures, settings, manager)
                    : PictureControls.NONE) {
                for (int first = 0; first < settings.pictures(); first += settings.batch()) {
                    int count = Math.min(settings.batch(), settings.pictures() - first);
                    try (NDManager scratch = manager.newSubManager()) {
                        TrainingBatch read = data.data().batch(scratch, first, count);
                        NDArray images = read.images() != null || pictures == null || !seen
                                ? read.images()
                                : pictures(scratch, pictures, order, first, count);
                        List<NDArray> tokens = encoders.tokens(read, images);
                        Batch plain = new Batch(first, read.latents(), read.labels(), tokens, null, List.of());
                        batches.add(more.add(plain, images).keptBy(manager));
                        if (wanted.own.isPresent() && images != null) {
                            images.attach(manager);
                            kept.add(images);
                        }
                    }
                }
                notes.addAll(more.notes(wanted.data));
            }
            Facts facts = new Facts(
                    data.identity(),
                    model.grid(),
                    data.data().featureBasis(),
                    encoders.borrowed(),
                    config.encoders().stream().map(EncoderSection::width).toList(),
                    List.copyOf(notes));
            return new AnalysisPictures(batches, kept, draws, facts);
        }
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
        return facts.identity;
    }

    /** Returns what tells these latents from those of the data; empty for those. */
    String latents() {
        return latents;
    }

    /** Returns the side of the encoder's grid of tokens. */
    int grid() {
        return facts.grid;
    }

    List<String> notes() {
        return facts.notes;
    }

    /** Returns what makes features of the first encoder's tokens. */
    Optional<FeatureBasis> basis() {
        return facts.basis;
    }

    /** Returns the number of encoders whose tokens are known. */
    int encoders() {
        return batches.get(0).tokens().size();
    }

    /** Whether models may be given the tokens: whether they are of encoders that the config names. */
    boolean hasTokens() {
        return encoders() > 0 && !facts.borrowed;
    }

    /** Returns an encoder's tokens of other pictures, one for each of the batch, (n, 1+T, Z) of its last block. */
    NDArray permuted(Batch batch, int encoder, NDManager scratch) {
        int[] positions = Arrays.copyOfRange(others, batch.first(), batch.first() + batch.size());
        return rows(positions, other -> lastBlock(other, encoder), scratch);
    }

    /** Returns what the last block of an encoder says of a batch (n, 1+T, Z), which is what models align with. */
    NDArray lastBlock(Batch batch, int encoder) {
        return lastBlocks.get(batch.first() / batches.get(0).size()).get(encoder);
    }

    /** Returns pictures at consecutive positions, whatever batches they are in. */
    Batch slice(int first, int count, NDManager scratch) {
        int[] positions = IntStream.range(first, first + count).toArray();
        return new Batch(
                first,
                rows(positions, Batch::latents, scratch),
                rows(positions, Batch::labels, scratch),
                IntStream.range(0, encoders())
                        .mapToObj(i -> rows(positions, batch -> batch.tokens().get(i), scratch))
                        .toList(),
                null,
                List.of());
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
}
