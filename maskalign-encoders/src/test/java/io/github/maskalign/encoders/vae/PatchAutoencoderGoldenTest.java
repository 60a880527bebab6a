package io.github.maskalign.encoders.vae;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.internal.InPlace;
import io.github.maskalign.encoders.vae.Autoencoder.LatentMoments;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Encoding, decoding, the loss and all its gradients, against PyTorch in float64. */
@Tag("bits")
@Tag("device")
class PatchAutoencoderGoldenTest {
    /** float32 through half a dozen convolutions. */
    private static final double TOLERANCE = 1e-5;

    /** A sum over many float32 products. */
    private static final double GRADIENT_TOLERANCE = 1e-4;

    static Stream<String> cases() {
        return GoldenCase.names(PatchAutoencoderGoldenTest.class, "patch_autoencoder");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void latentsPicturesLossAndGradientsMatch(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(getClass(), "patch_autoencoder", name, manager);
            Map<String, String> about = golden.metadata();
            PatchLayers encoder = layers(about, PatchLayers.Kind.ENCODER);
            PatchLayers decoder = layers(about, PatchLayers.Kind.DECODER);
            TrainablePatchAutoencoder trained = new TrainablePatchAutoencoder(
                    new TrainablePatchAutoencoder.Weighting(
                            number(about, "edge"), number(about, "half"), number(about, "kl")),
                    encoder,
                    decoder,
                    manager);
            Map<String, NDArray> weights = golden.under("weights/");
            assertThat(trained.parameters()).containsOnlyKeys(weights.keySet());
            NDList own = new NDList();
            try (GradMode off = GradMode.off()) {
                for (Map.Entry<String, Parameter> parameter :
                        trained.parameters().entrySet()) {
                    own.add(parameter.getValue().getArray());
                    InPlace.copy(
                            new NDList(golden.get("weights/" + parameter.getKey())),
                            new NDList(parameter.getValue().getArray()));
                }
            }

            TrainablePatchAutoencoder.Losses losses =
                    trained.losses(golden.get("inputs/image"), golden.get("inputs/noise"));
            NDList gradients = Autograd.gradients(losses.total(), own, manager);

            assertClose(losses.total(), golden.get("losses/total"), TOLERANCE);
            assertClose(losses.pixel(), golden.get("losses/pixel"), TOLERANCE);
            assertClose(losses.edge(), golden.get("losses/edge"), TOLERANCE);
            assertClose(losses.half(), golden.get("losses/half"), TOLERANCE);
            assertClose(losses.kl(), golden.get("losses/kl"), TOLERANCE);
            int i = 0;
            for (String key : trained.parameters().keySet()) {
                assertThat(GoldenCase.relativeError(gradients.get(i++), golden.get("grads/" + key)))
                        .as(key)
                        .isLessThan(GRADIENT_TOLERANCE);
            }
            PatchAutoencoder autoencoder = new PatchAutoencoder(Path.of("golden"), "", encoder, decoder, manager);
            LatentMoments moments = autoencoder.encode(golden.get("inputs/image"));
            assertClose(moments.mean(), golden.get("outputs/mean"), TOLERANCE);
            assertClose(moments.std(), golden.get("outputs/std"), TOLERANCE);
            assertClose(autoencoder.decode(golden.get("inputs/noise")), golden.get("outputs/picture"), TOLERANCE);
        }
    }

    private static void assertClose(NDArray found, NDArray expected, double tolerance) {
        assertThat(found.getShape()).isEqualTo(expected.getShape());
        assertThat(GoldenCase.relativeError(found, expected)).isLessThan(tolerance);
    }

    private static PatchLayers layers(Map<String, String> about, PatchLayers.Kind kind) {
        boolean first = kind == PatchLayers.Kind.ENCODER;
        String part = first ? "encoder" : "decoder";
        return new PatchLayers(
                kind,
                first ? 48 : 4,
                (int) number(about, part + "_width"),
                (int) number(about, part + "_blocks"),
                first ? 8 : 48);
    }

    private static double number(Map<String, String> about, String key) {
        return Double.parseDouble(about.getOrDefault(key, ""));
    }
}
