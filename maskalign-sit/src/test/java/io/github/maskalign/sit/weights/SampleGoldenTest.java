package io.github.maskalign.sit.weights;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.SampleRequest;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.DiffusionScale;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import java.io.IOException;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A model drawn from ends where the project's own sampler ends: SiT on its own time axis, guidance of 3 of 4 channels
 * included, REG and MaskAlign with a scale of the class token's own.
 */
class SampleGoldenTest {
    private static final double RELATIVE = 1e-5; // of the fixtures: a float32 network, up to 250 steps

    static Stream<String> transport() {
        return GoldenCase.names(SampleGoldenTest.class, "transport");
    }

    static Stream<String> joint() {
        return GoldenCase.names(SampleGoldenTest.class, "joint");
    }

    @ParameterizedTest
    @MethodSource("transport")
    void theReversedFieldEndsWhereSiTsOwnSamplerEnds(String name) throws IOException {
        compare("transport", name, false);
    }

    @ParameterizedTest
    @MethodSource("transport")
    void foldingTheAxisIntoTheWeightsEndsThereToo(String name) throws IOException {
        compare("transport", name, true);
    }

    @ParameterizedTest
    @MethodSource("joint")
    void latentAndClassTokenEndWhereTheReferenceEnds(String name) throws IOException {
        compare("joint", name, false);
    }

    private static void compare(String topic, String name, boolean folded) throws IOException {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode inference = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(SampleGoldenTest.class, topic, name, manager);
            SiTWeights read = SiTWeights.read(
                    "SiT-" + name, // as willisma/SiT calls its files, which have the tensors of DiT's
                    StateDict.of(golden.under("weights/")),
                    Map.of(),
                    new ImportOptions(
                            WeightsFamily.find(golden.metadata().get("family")).orElseThrow(), 2, 1, false));
            SiTWeights weights = folded ? read.dataAtZero() : read;
            VelocityField field =
                    weights.field(weights.load(manager, Precision.FLOAT32), new ParameterStore(manager, false));
            SampleRequest request = new SampleRequest(
                    0,
                    golden.get("inputs/y").toLongArray(),
                    golden.get("inputs/latents").getShape().slice(1),
                    weights.config().classTokenWidth());

            NDList end = new Sampler(config(golden.metadata(), weights.family()), Interpolant.LINEAR)
                    .sample(manager, field, request, noise(golden));

            assertThat(GoldenCase.relativeError(end.get(0), golden.get("outputs/x")))
                    .as("latent")
                    .isLessThan(RELATIVE);
            if (weights.config().hasClassToken()) {
                assertThat(GoldenCase.relativeError(end.get(1), golden.get("outputs/cls")))
                        .as("class token")
                        .isLessThan(RELATIVE);
            }
        }
    }

    private static SamplerConfig config(Map<String, String> metadata, WeightsFamily family) {
        int channels = metadata.get("channels").equals("4") ? 0 : family.legacyGuidedChannels();
        return new SamplerConfig(
                SamplerMethod.valueOf(metadata.get("method")),
                Integer.parseInt(metadata.get("steps")),
                new Guidance(
                        Double.parseDouble(metadata.get("cfg")),
                        Double.parseDouble(metadata.get("cls_cfg")),
                        Double.parseDouble(metadata.get("low")),
                        Double.parseDouble(metadata.get("high")),
                        channels),
                Double.parseDouble(metadata.get("last")),
                DiffusionScale.valueOf(metadata.get("diffusion")),
                0);
    }

    private static NoiseSource noise(GoldenCase golden) {
        return new NoiseSource() {
            @Override
            public NDList initial(NDManager manager, SampleRequest request) {
                NDList start = new NDList(golden.get("inputs/latents").duplicate());
                if (golden.has("inputs/cls_latents")) {
                    start.add(golden.get("inputs/cls_latents").duplicate());
                }
                start.attach(manager);
                return start;
            }

            @Override
            public NDList path(NDManager manager, SampleRequest request, int step) {
                NDList noise = new NDList(row(golden, "inputs/noise", step));
                if (golden.has("inputs/cls_noise")) {
                    noise.add(row(golden, "inputs/cls_noise", step));
                }
                noise.attach(manager);
                return noise;
            }
        };
    }

    private static NDArray row(GoldenCase golden, String name, int step) {
        return golden.get(name).get(step).toType(DataType.FLOAT64, true);
    }
}
