package io.github.maskalign.sit;

import static io.github.maskalign.sit.TinySiT.CLASSES;
import static io.github.maskalign.sit.TinySiT.ENCODER;
import static io.github.maskalign.sit.TinySiT.T;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.data.ReadAheadData;
import io.github.maskalign.core.data.internal.SampleBuffer;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.DeviceCounts;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.Guidance.Routes;
import io.github.maskalign.core.sample.Guidance.Unconditional;
import io.github.maskalign.core.sample.SampleRequest;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import io.github.maskalign.core.train.TrainState;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** How often the host hands something to the device, and waits for it: limits, not measurements. */
@Tag("fakegpu")
class HostBudgetTest {
    /** Copies of a micro-batch: numbers, indices, and the pictures where an encoder looks at them. */
    private static final int UPLOADS_OF_A_MICRO_BATCH = 3;
    /** Copies of a guided step of the stochastic sampler: the noise, and the tokens that are kept if some are. */
    private static final int UPLOADS_OF_A_SAMPLING_STEP = 2;

    static Stream<String> models() {
        return configs().keySet().stream();
    }

    private static Map<String, SiTConfig> configs() {
        Map<String, SiTConfig> models = new LinkedHashMap<>(TinySiT.family());
        String text = "{selfAlign: {coeff: 0.5, block: 1, teacherBlock: 3}}";
        LossTerms terms =
                ConfigBinder.bindText(text, "terms", List.of(), LossTerms.class).value();
        models.put("self-align", TinySiT.plain().withTerms(terms));
        return models;
    }

    @ParameterizedTest
    @MethodSource("models")
    void aMicroBatchIsACopyForEachType(String name) {
        SiTConfig config = configs().get(name);
        for (boolean pictures : new boolean[] {false, true}) {
            try (NDManager gpu = NDManager.newBaseManager(Device.gpu());
                    ReadAheadData data = new ReadAheadData(new Samples(pictures), 2)) {
                SiT model = TinySiT.fresh(config, gpu);
                SiTObjective objective = new SiTObjective(
                        new SiTLoss(model, Interpolant.LINEAR),
                        DiffusionConfig.defaults(),
                        data,
                        pictures && config.needsEncoder() ? new Constant(gpu) : null,
                        new TokenSubsetSampler(config.subset(), new Draws(5), 100));
                try (TrainState state = new TrainState(gpu, objective.parameters())) {
                    objective.begin(state);
                    objective.follow(new BatchPlan(4, 1, 0, 1));
                    loss(objective, gpu, 0); // the first makes what the model keeps
                    DeviceCounts counts = DeviceCounts.of(() -> loss(objective, gpu, 1));

                    assertThat(counts.pinnedUploads()).as(counts.line(name)).isBetween(1L, (long)
                            (pictures ? UPLOADS_OF_A_MICRO_BATCH : UPLOADS_OF_A_MICRO_BATCH - 1));
                    assertThat(counts.uploads())
                            .as("copies that are waited for")
                            .isZero();
                    assertThat(counts.waits()).isZero();
                }
            }
        }
    }

    /** Ranks on GPUs walk back block by block: the same bits, and no operation, copy or wait more. */
    @ParameterizedTest
    @MethodSource("models")
    void gradientsThatComeBlockByBlockAskForTheSame(String name) {
        SiTConfig config = configs().get(name);
        try (NDManager gpu = NDManager.newBaseManager(Device.gpu());
                ReadAheadData data = new ReadAheadData(new Samples(false), 2)) {
            SiT model = TinySiT.fresh(config, gpu);
            TinySiT.move(model, gpu);
            List<DeviceCounts> counts = new ArrayList<>();
            List<List<float[]>> gradients = new ArrayList<>();
            for (boolean gradual : new boolean[] {false, true}) {
                SiTObjective objective = new SiTObjective(
                        new SiTLoss(model, Interpolant.LINEAR),
                        DiffusionConfig.defaults(),
                        data,
                        null,
                        new TokenSubsetSampler(config.subset(), new Draws(5), 100));
                if (gradual) {
                    objective.preferGradual();
                }
                try (TrainState state = new TrainState(gpu, objective.parameters())) {
                    objective.begin(state);
                    objective.follow(new BatchPlan(4, 1, 0, 1));
                    gradients(objective, gpu, 0); // the first makes what the model keeps
                    DeviceCounts before = DeviceCounts.now();
                    NDList found = gradients(objective, gpu, 1);
                    counts.add(DeviceCounts.now().since(before));
                    gradients.add(found.stream().map(NDArray::toFloatArray).toList());
                }
            }

            DeviceCounts plain = counts.get(0);
            DeviceCounts gradual = counts.get(1);
            assertThat(gradual.allUploads()).isEqualTo(plain.allUploads());
            assertThat(gradual.uploads()).isZero();
            assertThat(gradual.waits()).isZero();
            assertThat(gradual.casts()).isEqualTo(plain.casts());
            assertThat(gradual.operations()).isEqualTo(plain.operations());
            for (int i = 0; i < gradients.get(0).size(); i++) {
                assertThat(gradients.get(1).get(i))
                        .as("%s, weight %d", name, i)
                        .isEqualTo(gradients.get(0).get(i));
            }
        }
    }

    private static NDList gradients(SiTObjective objective, NDManager gpu, int step) {
        NDList weights = Weights.trainable(objective.model());
        try (NDManager micro = gpu.newSubManager();
                GradMode recording = GradMode.on()) {
            Objective.StepLosses losses = objective.loss(micro, step, 4L * step, 4);
            return losses.backward().gradients(losses.total(), weights, gpu);
        }
    }

    private static void loss(SiTObjective objective, NDManager gpu, int step) {
        try (NDManager micro = gpu.newSubManager();
                GradMode recording = GradMode.on()) {
            objective.loss(micro, step, 4L * step, 4);
        }
    }

    @ParameterizedTest
    @CsvSource({"EULER, 0", "HEUN, 0", "EULER_MARUYAMA, 1"})
    void aGuidedStepBringsItsNoiseAlone(SamplerMethod method, int uploads) {
        SiTConfig config = TinySiT.maskAlign();
        List<DeviceCounts> steps = steps(config, method, Guidance.none().withScale(2.3));

        assertThat(steps).allSatisfy(step -> {
            assertThat(step.pinnedUploads()).isLessThanOrEqualTo(uploads);
            assertThat(step.uploads()).isZero();
            assertThat(step.waits()).isZero();
        });
    }

    @ParameterizedTest
    @CsvSource({"NULL_LABEL", "PATH_DROP", "ROUTE_RATIO"})
    void soDoesEveryGuidance(Unconditional unconditional) {
        SiTConfig config = TinySiT.placed(
                TinySiT.reg(),
                unconditional == Unconditional.PATH_DROP ? SubsetPlacement.SPARSE : SubsetPlacement.ROUTE,
                1,
                2);
        Guidance guidance = unconditional == Unconditional.ROUTE_RATIO
                ? Guidance.none().withScale(2.3).withRoutes(new Routes(0.3, 0.7))
                : Guidance.none().withScale(2.3).withUnconditional(unconditional);

        assertThat(steps(config, SamplerMethod.EULER_MARUYAMA, guidance)).allSatisfy(step -> {
            assertThat(step.pinnedUploads()).isLessThanOrEqualTo(UPLOADS_OF_A_SAMPLING_STEP);
            assertThat(step.uploads()).isZero();
            assertThat(step.waits()).isZero();
        });
    }

    /** Counts the steps of a sampler but the first and the last. */
    private static List<DeviceCounts> steps(SiTConfig config, SamplerMethod method, Guidance guidance) {
        SamplerConfig how = SamplerConfig.defaults().withMethod(method, 6).withGuidance(guidance);
        List<DeviceCounts> marks = new ArrayList<>();
        try (NDManager gpu = NDManager.newBaseManager(Device.gpu());
                GradMode off = GradMode.off()) {
            SiT model = TinySiT.fresh(config, gpu);
            SiTVelocityField field = new SiTVelocityField(model, new ParameterStore(gpu, false));
            SampleRequest request = new SampleRequest(
                    0, new long[] {0, 4, 2}, new Shape(3, 6, 6), config.hasClassToken() ? ENCODER : 0);
            new Sampler(how, Interpolant.LINEAR)
                    .sample(
                            gpu,
                            field,
                            request,
                            NoiseSource.of(new Draws(3)),
                            (done, total, t) -> marks.add(DeviceCounts.now()));
        }
        List<DeviceCounts> steps = new ArrayList<>();
        for (int i = 1; i < marks.size() - 1; i++) {
            steps.add(marks.get(i).since(marks.get(i - 1)));
        }
        return steps;
    }

    /** Samples with tokens, or with pictures. */
    private record Samples(boolean pictures) implements BufferedData {
        @Override
        public long size() {
            return CLASSES;
        }

        @Override
        public int tokenWidth() {
            return pictures ? 0 : ENCODER;
        }

        @Override
        public SampleBuffer read(long first, int count) {
            SampleBuffer read = new SampleBuffer(new float[count * 108], new Shape(count, 3, 6, 6), new long[count]);
            return pictures
                    ? read.withImages(new byte[count * 108], new Shape(count, 3, 6, 6))
                    : read.withTokens(new float[count * (1 + T) * ENCODER], new Shape(count, 1 + T, ENCODER));
        }
    }

    /** An encoder whose tokens lie on the device. */
    private record Constant(NDManager gpu) implements RepresentationEncoder {
        @Override
        public EncoderTokens encode(NDArray images) {
            NDManager owner = images.getManager();
            long n = images.getShape().get(0);
            return new EncoderTokens(owner.ones(new Shape(n, ENCODER)), owner.ones(new Shape(n, T, ENCODER)));
        }

        @Override
        public int width() {
            return ENCODER;
        }

        @Override
        public int tokens(int imageSize) {
            return T;
        }

        @Override
        public void close() {
            // nothing is open
        }
    }
}
