package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.sit.weights.SiTWeights;
import io.github.maskalign.sit.weights.WeightsFamily;
import io.github.maskalign.sit.weights.internal.FamilyGuess;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Training with a model's own moving average as teacher. */
@Tag("device")
class SelfAlignTrainingTest {
    private static final String TERM = "{selfAlign: {coeff: 0.5, block: 1, teacherBlock: 3}}";
    private static final SiTConfig MODEL = TinySiT.plain().withTerms(terms(TERM));

    /** An average that is another model than the weights from the first step on. */
    private static final OptimConfig QUICK = ConfigBinder.bindText(
                    "{lr: 1.0e-2, emaDecay: 0.5}", "optim", List.of(), OptimConfig.class)
            .value();

    @TempDir
    Path folder;

    @Test
    @Tag("bits")
    void stoppedAndResumedEqualsUninterrupted() throws IOException {
        Path whole = folder.resolve("whole");
        Path parts = folder.resolve("parts");
        try (SiTTraining training = tiny(MODEL).optFolder(whole).build()) {
            training.run();
        }
        AtomicReference<SiTTraining> running = new AtomicReference<>();
        TrainListener stopping = onStep((result, state) -> {
            if (result.step() == 2) {
                running.get().requestStop();
            }
        });
        try (SiTTraining training =
                tiny(MODEL).optFolder(parts).optListener(stopping).build()) {
            running.set(training);
            assertThat(training.run()).isEqualTo(StopReason.STOP_REQUESTED);
        }
        try (SiTTraining training = tiny(MODEL).optFolder(parts).build()) {
            assertThat(training.run()).isEqualTo(StopReason.COMPLETED);
        }

        for (String file : List.of("snapshot-0000006.safetensors", "checkpoints/state-0000006/exp_avg.safetensors")) {
            assertThat(parts.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
        }
    }

    @Test
    void teacherIsTheAverageAsItStands() throws IOException {
        OptimConfig slow = ConfigBinder.bindText("{lr: 1.0e-2, emaDecay: 1.0}", "optim", List.of(), OptimConfig.class)
                .value();

        List<Double> quick = losses(tiny(MODEL));
        List<Double> still = losses(tiny(MODEL).optOptim(slow));

        assertThat(quick.get(0)).isEqualTo(still.get(0)); // both averages are the fresh weights
        assertThat(quick.get(1)).isCloseTo(still.get(1), within(5e-2));
        assertThat(quick.get(5)).isNotEqualTo(still.get(5)); // one teacher has learned, the other has not
    }

    @Test
    void otherNumbersAreThoseOfARunWithoutIt() throws IOException {
        String nothing = TERM.replace("0.5", "0.0");

        assertThat(velocities(tiny(TinySiT.plain().withTerms(terms(nothing)))))
                .hasSize(6)
                .satisfies(all ->
                        assertThat(all.get(0)).isEqualTo(velocities(tiny(MODEL)).get(0)));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4, 8})
    void microBatchesAreTheBatch(int accumulation) throws IOException {
        List<Double> whole = losses(tiny(MODEL));

        List<Double> split = losses(tiny(MODEL).optAccumulation(accumulation));

        for (int i = 0; i < whole.size(); i++) {
            assertThat(split.get(i)).isCloseTo(whole.get(i), within(1e-3)); // sums of another order, six steps
        }
        assertThat(split.get(0)).isCloseTo(whole.get(0), within(1e-6));
    }

    @Test
    @Tag("bits")
    void recomputationChangesNoBit() throws IOException {
        assertThat(losses(tiny(MODEL).optActivationCheckpointing(1))).isEqualTo(losses(tiny(MODEL)));
    }

    @Test
    void bfloat16Rounds() throws IOException {
        List<Double> exact = losses(tiny(MODEL));

        List<Double> rounded = losses(tiny(MODEL).optPrecision(Precision.BFLOAT16));

        assertThat(rounded.get(0)).isNotEqualTo(exact.get(0)).isCloseTo(exact.get(0), within(2e-2));
        assertThat(rounded).allMatch(Double::isFinite);
    }

    @ParameterizedTest
    @ValueSource(strings = {"DROP", "DROP_REINSERT", "ROUTE", "LOSS_ONLY"})
    void trainsWithEveryPlacement(SubsetConfig.SubsetPlacement where) throws IOException {
        SiTConfig model = TinySiT.plain().withPlacement(where, 0, 1).withTerms(terms(TERM));

        assertThat(losses(tiny(model))).hasSize(6).allMatch(loss -> loss > 0 && loss < 2);
    }

    @Test
    void averageIsNotAskedOnceTheTermIsOver() throws IOException {
        String until = TERM.replace("teacherBlock: 3", "teacherBlock: 3, schedule: UNTIL, until: 2");
        List<Map<String, Double>> parts = new ArrayList<>();
        try (SiTTraining training = tiny(TinySiT.plain().withTerms(terms(until)))
                .optListener(onStep((result, state) -> parts.add(result.parts())))
                .build()) {
            training.run();
        }

        assertThat(parts.subList(0, 2)).allMatch(names -> names.containsKey("selfAlign"));
        assertThat(parts.subList(2, 6)).allMatch(names -> names.keySet().equals(Set.of("velocity")));
    }

    @Test
    void noArrayStaysBehind() throws IOException {
        List<Integer> counts = new ArrayList<>();
        try (SiTTraining training = tiny(MODEL)
                .optListener(onStep((result, state) -> counts.add(state.weights()
                                .get("pos_embed")
                                .getManager()
                                .getManagedArrays()
                                .size()
                        + state.ema()
                                .get("pos_embed")
                                .getManager()
                                .getManagedArrays()
                                .size())))
                .build()) {
            training.run();
        }

        assertThat(counts.subList(2, 6)).containsOnly(counts.get(1));
    }

    @Test
    void objectiveWithoutAnAverageSaysWhatToDo() throws IOException {
        try (NDManager manager = NDManager.newBaseManager()) {
            SiTObjective objective = tiny(MODEL).buildObjective(manager);

            assertThatThrownBy(() -> objective.input(manager, 0, 0, 2))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("terms.selfAlign follows the moving average of a TrainState")
                    .hasMessageContaining("call begin");

            try (TrainState state = new TrainState(manager, objective.parameters())) {
                objective.begin(state);
                NDArray teacher = objective
                        .withActivationCheckpointing(1)
                        .input(manager, 0, 0, 2)
                        .context()
                        .selfTeacher();
                assertThat(teacher).isNotNull();
                assertThat(teacher.getShape()).isEqualTo(new Shape(2, 9, 24));
            }
        }
    }

    @Test
    void weightsGoOnWithAndWithoutTheHead() throws IOException {
        Path first = folder.resolve("first");
        try (SiTTraining training = tiny(MODEL).optFolder(first).build()) {
            training.run();
        }
        Path snapshot = first.resolve("snapshot-0000006.safetensors");
        for (SiTConfig model : List.of(TinySiT.plain(), MODEL)) {
            Path second = folder.resolve("second-" + model.terms().isEmpty());
            try (SiTTraining training = tiny(model)
                    .setSteps(1)
                    .optFolder(second)
                    .optInitialWeights(snapshot)
                    .build()) {
                assertThat(training.run()).isEqualTo(StopReason.COMPLETED);
            }
        }
        try (SiTTraining training = tiny(MODEL)
                .setSteps(1)
                .optFolder(folder.resolve("third"))
                .optInitialWeights(folder.resolve("second-true/snapshot-0000001.safetensors"))
                .build()) {
            assertThat(training.run()).isEqualTo(StopReason.COMPLETED); // with a fresh head
        }
        try (SiTWeights weights = SiTWeights.open(snapshot)) {
            assertThat(weights.notes()).anyMatch(note -> note.contains("left out ap_head.*"));
            assertThat(weights.tensors().keys()).noneMatch(key -> key.startsWith("ap_head"));
        }
    }

    /** A file without metadata, such as the authors publish: without the head it could be on either time axis. */
    @Test
    void headTellsTheFamily() throws IOException {
        try (NDManager manager = NDManager.newBaseManager()) {
            StateDict tensors = StateDict.of(Weights.of(TinySiT.fresh(MODEL, manager)));

            assertThat(FamilyGuess.of("sra.safetensors", tensors, Map.of()))
                    .isEqualTo(
                            new FamilyGuess(WeightsFamily.SIT, "it has ap_head.*, the head of self-alignment (SRA)"));
        }
    }

    @ParameterizedTest
    @CsvSource({"SiT-B/2, 2361600", "SiT-L/2, 4197376", "SiT-XL/2, 5311872"})
    void headHasTheAuthorsParameters(String id, long expected) {
        SiTConfig plain = SiTVariant.ofId(id).config();
        Map<String, Long> sizes = new LinkedHashMap<>();
        ParameterKeys.of(new SiT(plain.withTerms(terms(TERM))))
                .forEach((key, parameter) -> sizes.put(key, parameter.getShape().size()));
        ParameterKeys.of(new SiT(plain)).keySet().forEach(sizes::remove);

        assertThat(sizes.keySet())
                .containsExactly(
                        "ap_head.linear1.weight",
                        "ap_head.linear1.bias",
                        "ap_head.linear2.weight",
                        "ap_head.linear2.bias");
        assertThat(sizes.values().stream().mapToLong(size -> size).sum()).isEqualTo(expected);
    }

    @Test
    void blocksThatDoNotFitAreNamed() {
        assertThatThrownBy(() -> terms("{selfAlign: {block: 3, teacherBlock: 3}}"))
                .hasMessageContaining("teacherBlock must be a block behind block 3 but was 3");
        assertThatThrownBy(() -> terms("{selfAlign: {block: 1, teacherBlock: 3, maxTimeOffset: 1.5}}"))
                .hasMessageContaining("maxTimeOffset")
                .hasMessageContaining("1.5");
        assertThatThrownBy(() -> terms("{selfAlign: {block: 0, teacherBlock: 3}}"))
                .hasMessageContaining("block");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TinySiT.plain().withTerms(terms("{selfAlign: {block: 1, teacherBlock: 4}}")))
                .withMessage("terms.selfAlign.teacherBlock must be at most model.depth, 3, but was 4");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TinySiT.plain()
                        .withTerms(terms("{layerSync: {block: 1, target: 2}, selfAlign: {block: 1, teacherBlock: 3}}")))
                .withMessage("terms.layerSync and terms.selfAlign both let block 1 follow a later one: take one of them"
                        + " away, or choose another block");
    }

    private static LossTerms terms(String text) {
        return ConfigBinder.bindText(text, "terms", List.of(), LossTerms.class).value();
    }

    private static List<Double> losses(SiTTraining.Builder builder) throws IOException {
        return part("selfAlign", builder);
    }

    private static List<Double> velocities(SiTTraining.Builder builder) throws IOException {
        return part("velocity", builder);
    }

    private static List<Double> part(String name, SiTTraining.Builder builder) throws IOException {
        List<Double> values = new ArrayList<>();
        try (SiTTraining training = builder.optListener(
                        onStep((result, state) -> values.add(result.parts().get(name))))
                .build()) {
            training.run();
        }
        return values;
    }

    private static SiTTraining.Builder tiny(SiTConfig model) {
        return SiTTraining.builder()
                .setModel(model)
                .setData((draws, kept) -> pictures(draws))
                .setSteps(6)
                .setBatch(8)
                .optOptim(QUICK)
                .optSaving(new TrainConfig.Saving(2, 3, 0));
    }

    private static ImageTensorData pictures(Draws draws) {
        SplittableRandom random = new SplittableRandom(7);
        byte[][] pixels = new byte[16][3 * 6 * 6];
        int[] labels = new int[16];
        for (int i = 0; i < 16; i++) {
            Arrays.fill(pixels[i], (byte) random.nextInt(256));
            labels[i] = i % TinySiT.CLASSES;
        }
        return new ImageTensorData(pixels, labels, new Shape(3, 6, 6), draws);
    }

    /** What a test does with a step. */
    private interface Look {
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
}
