package io.github.maskalign.sit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.io.StateDict;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.sample.DiffusionScale;
import io.github.maskalign.core.sample.NoiseSource;
import io.github.maskalign.core.sample.SampleRequest;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerMethod;
import io.github.maskalign.core.sample.VelocityField;
import java.io.IOException;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** SiT's weights end where SiT's own samplers end on their own time axis, guidance of 3 of 4 channels included. */
class TransportGoldenTest {
    private static final double RELATIVE = 1e-5; // of the fixtures: a float32 network, up to 250 steps

    static Stream<String> names() {
        return GoldenCase.names(TransportGoldenTest.class, "transport");
    }

    @ParameterizedTest
    @MethodSource("names")
    void theReversedFieldEndsWhereTheOriginalSamplerEnds(String name) throws IOException {
        assertThat(error(name, false)).isLessThan(RELATIVE);
    }

    @ParameterizedTest
    @MethodSource("names")
    void foldingTheAxisIntoTheWeightsEndsThereToo(String name) throws IOException {
        assertThat(error(name, true)).isLessThan(RELATIVE);
    }

    private static double error(String name, boolean folded) throws IOException {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode inference = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(TransportGoldenTest.class, "transport", name, manager);
            SiTWeights read = SiTWeights.read(
                    name,
                    StateDict.of(golden.under("weights/")),
                    Map.of(),
                    ImportOptions.AUTO.withNumHeads(2).withAlignmentDepth(1));
            SiTWeights weights = folded ? read.dataAtZero() : read;
            assertThat(weights.family()).isEqualTo(WeightsFamily.SIT_OFFICIAL);
            VelocityField field =
                    weights.field(weights.load(manager, Precision.FLOAT32), new ParameterStore(manager, false));
            NDArray x = golden.get("inputs/latents"); // (N, C, H, W)
            SampleRequest request = new SampleRequest(
                    0, golden.get("inputs/y").toLongArray(), x.getShape().slice(1), 0);

            NDList end = new Sampler(config(golden.metadata()), Interpolant.LINEAR)
                    .sample(manager, field, request, noise(golden));

            return GoldenCase.relativeError(end.get(0), golden.get("outputs/x"));
        }
    }

    private static SamplerConfig config(Map<String, String> metadata) {
        int channels = Integer.parseInt(metadata.get("channels"));
        if (channels == 3) {
            assertThat(WeightsFamily.SIT_OFFICIAL.legacyGuidedChannels()).isEqualTo(channels);
        }
        double w = Double.parseDouble(metadata.get("cfg"));
        return new SamplerConfig(
                SamplerMethod.valueOf(metadata.get("method")),
                Integer.parseInt(metadata.get("steps")),
                w,
                w,
                Double.parseDouble(metadata.get("low")),
                Double.parseDouble(metadata.get("high")),
                Double.parseDouble(metadata.get("last")),
                DiffusionScale.valueOf(metadata.get("diffusion")),
                channels);
    }

    private static NoiseSource noise(GoldenCase golden) {
        return new NoiseSource() {
            @Override
            public NDList initial(NDManager manager, SampleRequest request) {
                NDArray start = golden.get("inputs/latents").duplicate();
                start.attach(manager);
                return new NDList(start);
            }

            @Override
            public NDList path(NDManager manager, SampleRequest request, int step) {
                NDArray n = golden.get("inputs/noise").get(step).toType(DataType.FLOAT64, true);
                n.attach(manager);
                return new NDList(n);
            }
        };
    }
}
