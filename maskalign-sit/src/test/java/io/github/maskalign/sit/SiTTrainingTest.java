package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.util.NativeResource;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.RunLock;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.sit.weights.SiTWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("device")
class SiTTrainingTest {
    private static final int Z = TinySiT.ENCODER;
    private static final int CLASSES = TinySiT.CLASSES;

    private static final SiTConfig MODEL = TinySiT.maskAlign().withSubset(SubsetConfig.defaults());

    @TempDir
    Path folder;

    private final FakeEncoder encoder = new FakeEncoder(Z, TinySiT.T);

    @Test
    void trainsWithoutFiles() throws IOException {
        List<Double> losses = new ArrayList<>();
        try (SiTTraining training = tiny().setSteps(75)
                .optOptim(OptimConfig.PAPER.withLr(3e-3))
                .optListener(onStep((result, state) -> {
                    assertThat(result.parts()).containsOnlyKeys("velocity", "class", "align");
                    losses.add(result.parts().get("velocity"));
                }))
                .build()) {
            assertThat(training.run()).isEqualTo(StopReason.COMPLETED);

            assertThat(training.state().step()).isEqualTo(75);
            assertThat(training.averagedWeights()).isEmpty();
            assertThatThrownBy(training::run).isInstanceOf(IllegalStateException.class);
        }
        // a fresh model predicts 0, and five steps of eight samples average the noise well enough
        assertThat(mean(losses.subList(70, 75))).isLessThan(0.9 * mean(losses.subList(0, 5)));
    }

    @Test
    void stoppedAndResumedEqualsUninterrupted() throws IOException {
        Path whole = folder.resolve("whole");
        Path parts = folder.resolve("parts");
        try (SiTTraining training = tiny().optFolder(whole).build()) {
            training.run();
            assertThat(training.averagedWeights()).contains(whole.resolve("snapshot-0000006.safetensors"));
        }

        AtomicReference<SiTTraining> running = new AtomicReference<>();
        TrainListener stopping = onStep((result, state) -> {
            if (result.step() == 2) {
                running.get().requestStop();
            }
        });
        try (SiTTraining training =
                tiny().optFolder(parts).optListener(stopping).build()) {
            running.set(training);
            assertThat(training.run()).isEqualTo(StopReason.STOP_REQUESTED);
        }
        try (SiTTraining training =
                tiny().optFolder(parts).optAccumulation(1).optMetricsEvery(1).build()) {
            assertThat(training.run()).isEqualTo(StopReason.COMPLETED);
        }

        for (String file : List.of("snapshot-0000006.safetensors", "checkpoints/state-0000006/exp_avg.safetensors")) {
            assertThat(parts.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
        }
        assertThat(Files.readAllLines(parts.resolve("stats.jsonl"))).hasSize(4);
    }

    /** A subset that ends, and paths that are dropped: all drawn by position, before the stop and after. */
    @Test
    void aSparseModelStoppedAndResumedEqualsUninterrupted() throws IOException {
        Path whole = folder.resolve("whole");
        Path parts = folder.resolve("parts");
        SiTConfig sparse = TinySiT.reg().withSparse(1, 0.5);
        SiTConfig model = sparse.withSubset(sparse.subset().withRatio(0.6).withUnmaskedTailSteps(2));
        train(tiny().setModel(model).optFolder(whole), 6);
        train(tiny().setModel(model).optFolder(parts), 3);
        train(tiny().setModel(model).optFolder(parts), 6);

        for (String file : List.of("snapshot-0000006.safetensors", "checkpoints/state-0000006/exp_avg.safetensors")) {
            assertThat(parts.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
        }
        try (SiTWeights opened = SiTWeights.open(whole)) {
            assertThat(opened.config().subset().placement()).isEqualTo(SubsetPlacement.SPARSE);
            assertThat(opened.config().subset().sparse().dense()).isEqualTo(1);
        }
        assertRefused(tiny().setModel(model.withSparse(1, 0.25)), parts, "subset.pathDrop was 0.5 and is now 0.25");
    }

    @Test
    void aMaskedModelStoppedAndResumedEqualsUninterrupted() throws IOException {
        Path whole = folder.resolve("whole");
        Path parts = folder.resolve("parts");
        SiTConfig masked = TinySiT.maskDiT(TinySiT.plain());
        SiTConfig model = masked.withSubset(masked.subset().withUnmaskedTailSteps(2))
                .withTerms(ConfigBinder.bindText("mae: {coeff: 0.2}", "terms", List.of(), LossTerms.class)
                        .value());
        List<Set<String>> losses = new ArrayList<>();
        train(
                tiny().setModel(model)
                        .optFolder(whole)
                        .optListener(onStep(
                                (result, state) -> losses.add(result.parts().keySet()))),
                6);
        train(tiny().setModel(model).optFolder(parts), 3);
        train(tiny().setModel(model).optFolder(parts), 6);

        assertThat(losses.subList(0, 4)).containsOnly(Set.of("velocity", "mae"));
        assertThat(losses.subList(4, 6)).containsOnly(Set.of("velocity")); // nothing is dropped
        for (String file : List.of("snapshot-0000006.safetensors", "checkpoints/state-0000006/exp_avg.safetensors")) {
            assertThat(parts.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
        }
        try (SiTWeights opened = SiTWeights.open(whole)) {
            assertThat(opened.config().subset().decoder())
                    .isEqualTo(model.subset().decoder());
        }
        assertRefused(
                tiny().setModel(model.withTerms(LossTerms.NONE)), parts, "terms.mae.coeff was 0.2 and is now absent");
    }

    /** Runs until a step. */
    private static void train(SiTTraining.Builder builder, long until) throws IOException {
        AtomicReference<SiTTraining> running = new AtomicReference<>();
        try (SiTTraining training = builder.optListener(onStep((result, state) -> {
                    if (result.step() == until) {
                        running.get().requestStop();
                    }
                }))
                .build()) {
            running.set(training);
            training.run();
        }
    }

    @Test
    void changedSettingIsRefusedByName() throws IOException {
        try (SiTTraining training = tiny().setSteps(1).optFolder(folder).build()) {
            training.run();
        }
        assertRefused(tiny().optSeed(1), "seed was 0 and is now 1");
        assertRefused(tiny().optOptim(OptimConfig.PAPER.withLr(1e-3)), "optim.lr was 1.0e-4 and is now 0.001");
        assertRefused(
                tiny().setModel(MODEL.withSubset(SubsetConfig.defaults().withRatio(0.5))),
                "subset.ratio was 0.25 and is now 0.5");
        assertRefused(tiny().setModel(MODEL.withLossWeights(0.1, 0.5)), "cls.beta was 0.03 and is now 0.1");
        assertRefused(tiny().setBatch(4), "train.globalBatch was 8 and is now 4");
        assertRefused(tiny().optSetting("data", "other"), "data was absent and is now other");
        try (SiTTraining training = tiny().optFolder(folder).build()) { // more steps are no other run
            assertThat(training.run()).isEqualTo(StopReason.COMPLETED);
        }
    }

    private void assertRefused(SiTTraining.Builder builder, String words) throws IOException {
        assertRefused(builder, folder, words);
    }

    private static void assertRefused(SiTTraining.Builder builder, Path where, String words) throws IOException {
        try (SiTTraining training = builder.optFolder(where).build()) {
            assertThatThrownBy(training::run)
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining(words);
        }
    }

    @Test
    void startsFromWeights() throws IOException {
        Path first = folder.resolve("first");
        try (SiTTraining training = tiny().optFolder(first).build()) {
            training.run();
        }
        Path weights = first.resolve("snapshot-0000006.safetensors");
        AtomicReference<float[]> begun = new AtomicReference<>();
        try (SiTTraining training = tiny().optSeed(9)
                .setSteps(1)
                .optOptim(OptimConfig.PAPER.withLr(1e-30))
                .optFolder(folder.resolve("second"))
                .optInitialWeights(weights)
                .build()) {
            training.run();
            begun.set(training.state().weights().get("x_embedder.proj.weight").toFloatArray());
        }
        try (SiTTraining training = tiny().optFolder(first).build()) {
            training.run(); // nothing is left to do but to load
            assertThat(training.state().ema().get("x_embedder.proj.weight").toFloatArray())
                    .isEqualTo(begun.get());
        }
    }

    static Stream<Arguments> misfits() {
        return Stream.of(
                misfit(b -> b.setSteps(0), "steps must be set to at least 1 but was 0"),
                misfit(b -> b.setBatch(0), "batch must be set to at least 1 but was 0"),
                misfit(b -> b.optAccumulation(3), "accumulation must divide batch 8 but was 3"),
                misfit(b -> b.optMetricsEvery(0), "metricsEvery must be at least 1 but was 0"),
                misfit(b -> b.optActivationCheckpointing(-1), "activationCheckpointing must be at least 0 but was -1"),
                misfit(b -> b.optInitialWeights(Path.of("none")), "initialWeights need a folder"),
                misfit(
                        b -> b.setModel(MODEL.withSubset(SubsetConfig.defaults().withRatio(0.99))),
                        "must leave at least one of the 9"),
                misfit(
                        b -> b.setModel(MODEL.withSubset(SubsetConfig.defaults().withUnmaskedTailSteps(7))),
                        "unmaskedTailSteps must be at most steps 6 but was 7"),
                misfit(
                        b -> b.setModel(MODEL.withClassToken(12)),
                        "the encoder gives tokens of width 11 but the model aligns with [11] and has a class token of"
                                + " width 12"),
                misfit(
                        b -> b.optEncoder(new FakeEncoder(12, 9)),
                        "the encoder gives tokens of width 12 but the model aligns with [11]"),
                misfit(
                        b -> b.optEncoder(new FakeEncoder(Z, 4)),
                        "the encoder gives 4 patch tokens for pictures of side 6 but the model has 9"),
                misfit(b -> b.setData((draws, kept) -> pictures(3, 8, draws)), "the data's samples are (3, 8, 8)"),
                misfit(b -> b.setData((draws, kept) -> pictures(1, 6, draws)), "the data's samples are (1, 6, 6)"),
                misfit(
                        b -> b.setModel(SiTConfig.of(6, 2, 3, 24, 3, 3, 2)),
                        "the data have " + CLASSES + " classes but the model has 2"));
    }

    /** A change to a training that fits. */
    interface Change {
        SiTTraining.Builder apply(SiTTraining.Builder builder);
    }

    private static Arguments misfit(Change change, String words) {
        return Arguments.of(change, words);
    }

    @ParameterizedTest
    @MethodSource("misfits")
    void misfitIsNamed(Change change, String words) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> change.apply(tiny()).build())
                .withMessageContaining(words);
    }

    @Test
    void allIsNamedAtOnce() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SiTTraining.builder().build())
                .withMessage("the training does not fit together: data must be set; steps must be set to at least 1 but"
                        + " was 0; batch must be set to at least 1 but was 0; model must be set");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SiTTraining.builder()
                        .setModel(MODEL)
                        .setData((draws, kept) -> pictures(3, 8, draws))
                        .setSteps(1)
                        .setBatch(1)
                        .build())
                .withMessage("the training does not fit together: the model aligns or has a class token but there is no"
                        + " encoder; the data's samples are (3, 8, 8) but the model takes (channels, height, width)"
                        + " (3, 6, 6)");
    }

    @Test
    void failedBuildLeavesNothingOpen() throws IOException {
        ClosingData data = new ClosingData(pictures(3, 8, new Draws(0)));

        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        tiny().setData((draws, kept) -> data).optFolder(folder).build());

        assertThat(data.closed).isTrue();
        RunLock.acquire(folder).close();
    }

    @Test
    void closesWhatItOpenedAndNoArrayIsLeft() throws IOException {
        ClosingData own = new ClosingData(pictures(3, 6, new Draws(0)));
        ClosingData given = new ClosingData(pictures(3, 6, new Draws(0)));
        List<Integer> counts = new ArrayList<>();
        List<NDArray> arrays = new ArrayList<>();
        NDManager manager;
        try (SiTTraining training = tiny().setData((draws, kept) -> own)
                .optListener(onStep((result, state) -> counts.add(state.weights()
                        .values()
                        .iterator()
                        .next()
                        .getManager()
                        .getManagedArrays()
                        .size())))
                .optFolder(folder)
                .build()) {
            training.run();
            TrainState state = training.state();
            Stream.of(state.weights(), state.ema(), state.expAvg(), state.expAvgSq())
                    .forEach(all -> arrays.addAll(all.values()));
            manager = arrays.get(0).getManager();
        }
        try (SiTTraining training = tiny().setData(given).build()) {
            training.run();
        }

        assertThat(own.closed).isTrue();
        assertThat(given.closed).isFalse();
        assertThat(encoder.closed).isFalse();
        assertThat(counts.subList(3, 6)).containsOnly(counts.get(2));
        assertThat(manager.isOpen()).isFalse();
        assertThat(arrays).allMatch(array -> ((NativeResource<?>) array).isReleased());
    }

    private SiTTraining.Builder tiny() {
        return SiTTraining.builder()
                .setModel(MODEL)
                .setData((draws, kept) -> pictures(3, 6, draws))
                .setSteps(6)
                .setBatch(8)
                .optEncoder(encoder);
    }

    private static ImageTensorData pictures(int channels, int side, Draws draws) {
        SplittableRandom random = new SplittableRandom(7);
        byte[][] pixels = new byte[16][channels * side * side];
        int[] labels = new int[16];
        for (int i = 0; i < 16; i++) {
            Arrays.fill(pixels[i], (byte) random.nextInt(256));
            labels[i] = i % CLASSES;
        }
        return new ImageTensorData(pixels, labels, new Shape(channels, side, side), draws);
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(v -> v).average().orElseThrow();
    }

    /** What a test does with a step. */
    interface Look {
        void at(StepResult result, TrainState state);
    }

    private static TrainListener onStep(Look look) {
        return new TrainListener() {
            @Override
            public void onStep(StepResult result, TrainState state) {
                look.at(result, state);
            }
        };
    }

    /** Data that know whether they are closed. */
    private static final class ClosingData implements TrainingData, AutoCloseable {
        private final TrainingData data;
        private boolean closed;

        ClosingData(TrainingData data) {
            this.data = data;
        }

        @Override
        public long size() {
            return data.size();
        }

        @Override
        public TrainingBatch batch(NDManager manager, long first, int count) {
            return data.batch(manager, first, count);
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    /** Tokens of a picture that say nothing but are there. */
    private static final class FakeEncoder implements RepresentationEncoder {
        private final int width;
        private final int patches;
        private boolean closed;

        FakeEncoder(int width, int patches) {
            this.width = width;
            this.patches = patches;
        }

        @Override
        public EncoderTokens encode(NDArray images) {
            long n = images.getShape().get(0);
            NDManager manager = images.getManager();
            return new EncoderTokens(manager.ones(new Shape(n, width)), manager.ones(new Shape(n, patches, width)));
        }

        @Override
        public int width() {
            return width;
        }

        @Override
        public int tokens(int imageSize) {
            return patches;
        }

        @Override
        public void close() {
            closed = true;
        }
    }
}
