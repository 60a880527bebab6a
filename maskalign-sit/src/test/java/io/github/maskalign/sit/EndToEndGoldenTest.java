package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.script.internal.InPlace;
import io.github.maskalign.core.train.Objective.StepLosses;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import io.github.maskalign.encoders.vae.NativeAutoencoder;
import io.github.maskalign.encoders.vae.PerceptualDistance;
import io.github.maskalign.encoders.vae.ReconstructionLoss;
import io.github.maskalign.encoders.vae.ReconstructionLoss.Losses;
import io.github.maskalign.encoders.vae.TrainableAutoencoder;
import io.github.maskalign.encoders.vae.VaeConfig;
import io.github.maskalign.sit.EndToEndObjective.AutoencoderSide;
import io.github.maskalign.sit.EndToEndObjective.SideLosses;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTObjective.Drawn;
import io.github.maskalign.sit.parity.internal.ParityConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A step of REPA-E against PyTorch in float64: each of its losses, the gradient of each for its own weights, the norm after it. */
@Tag("bits")
class EndToEndGoldenTest {
    @TempDir
    Path folder;

    /** Means of numbers of both signs: they are up to 30 times smaller than these, and keep an error of theirs. */
    private static final Set<String> NEAR_ZERO = Set.of("align", "autoencoder_align", "gan");

    static Stream<String> cases() {
        return GoldenCase.names(EndToEndGoldenTest.class, "repae");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void lossesGradientsAndStatisticsMatch(String name) throws IOException {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(EndToEndGoldenTest.class, "repae", name, manager);
            SiT model = new SiT(config(golden));
            model.initialize(manager);
            golden.under("weights/sit/")
                    .forEach((key, value) ->
                            InPlace.copy(value, Weights.of(model).get(key)));
            try (NativeAutoencoder vae = NativeAutoencoder.untrained(vae(golden), Device.cpu(), Precision.FLOAT32)) {
                EndToEndObjective objective = new EndToEndObjective(
                        transformer(model),
                        side(golden, vae, manager),
                        golden.get("bn/before/running_mean"),
                        golden.get("bn/before/running_var"));

                StepLosses found = objective.of(new Drawn(input(golden), golden.under("inputs/"), 0), 7, 3);

                Map<String, NDArray> expected = golden.under("losses/");
                assertThat(found.parts().keySet()).hasSameElementsAs(expected.keySet());
                found.parts()
                        .forEach((part, value) -> assertThat(relative(value, expected.get(part)))
                                .as(part)
                                .isLessThan(NEAR_ZERO.contains(part) ? 1e-4 : 1e-5));
                compareGradients(golden, objective, found, manager);

                NDArray mean = Weights.of(model).get("bn.running_mean");
                assertThat(mean.toFloatArray())
                        .as("moves with the update alone")
                        .isEqualTo(golden.get("bn/before/running_mean").toFloatArray());
                objective.beforeUpdate();
                assertThatThrownBy(() -> objective.follow(new BatchPlan(4, 1, 0, 2)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("terms.endToEnd trains in one process");
                golden.under("bn/after/")
                        .forEach((key, value) -> assertThat(GoldenCase.relativeError(
                                        Weights.of(model).get("bn." + key), value))
                                .as(key)
                                .isLessThan(1e-5));
            }
        }
    }

    private static void compareGradients(
            GoldenCase golden, EndToEndObjective objective, StepLosses found, NDManager manager) {
        NDList trained = new NDList();
        Map<String, Integer> places = new LinkedHashMap<>();
        for (Map.Entry<String, Parameter> p : objective.parameters().entrySet()) {
            if (p.getValue().requiresGradient()) {
                String group = objective.clippedWith(p.getKey());
                places.put(group.isEmpty() ? "sit/" + p.getKey() : p.getKey().replaceFirst("\\.", "/"), trained.size());
                trained.add(p.getValue().getArray());
            }
        }
        NDList gradients = found.backward().gradients(found.total(), trained, manager);
        assertThat(gradients).hasSameSizeAs(trained);
        Map<String, NDArray> expected = golden.under("grads/");
        places.forEach((key, i) -> {
            if (expected.containsKey(key)) {
                assertThat(GoldenCase.relativeError(gradients.get(i), expected.get(key)))
                        .as(key)
                        .isLessThan(1e-4); // a sum over many float32 products
            } else { // a softmax does not see it
                assertThat(key).endsWith("to_k.bias");
            }
        });
        assertThat(expected.keySet()).isSubsetOf(places.keySet());
    }

    private static double relative(NDArray found, NDArray expected) {
        double e = expected.toDoubleArray()[0];
        return Math.abs(found.getFloat() - e) / Math.abs(e);
    }

    private static SiTConfig config(GoldenCase golden) {
        return ParityConfig.of(
                        JsonParser.parseString(golden.metadata().get("config")).getAsJsonObject())
                .withLossWeights(0, Double.parseDouble(golden.metadata().get("coeff")))
                .withTerms(LossTerms.NONE.withEndToEnd(new EndToEnd(
                        number(golden, "alignCoeff"),
                        number(golden, "perceptual"),
                        number(golden, "kl"),
                        number(golden, "gan"),
                        number(golden, "momentum"),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty())));
    }

    private static double number(GoldenCase golden, String key) {
        return Double.parseDouble(golden.metadata().get("endToEnd." + key));
    }

    private VaeConfig vae(GoldenCase golden) throws IOException {
        Files.writeString(folder.resolve("config.json"), golden.metadata().get("vae"));
        return VaeConfig.read(folder);
    }

    private AutoencoderSide side(GoldenCase golden, NativeAutoencoder vae, NDManager manager) throws IOException {
        TrainableAutoencoder networks = vae.trainable().orElseThrow();
        networks.copyFrom(golden.under("weights/autoencoder/"));
        PerceptualDistance lpips = null;
        Map<String, NDArray> perceptual = golden.under("lpips/");
        if (!perceptual.isEmpty()) {
            Path file = folder.resolve("lpips.safetensors");
            SafetensorsWriter.write(file, StateDict.of(perceptual), Map.of());
            lpips = PerceptualDistance.open(file, file, manager);
        }
        ReconstructionLoss loss = new ReconstructionLoss(
                networks,
                new ReconstructionLoss.Weighting(
                        number(golden, "perceptual"), number(golden, "kl"), number(golden, "gan")),
                lpips,
                manager,
                Integer.parseInt(golden.metadata().get("width")));
        golden.under("weights/discriminator/")
                .forEach((key, value) ->
                        InPlace.copy(value, loss.discriminator().get(key).getArray()));
        return new AutoencoderSide() {
            @Override
            public Map<String, Parameter> autoencoder() {
                return networks.parameters();
            }

            @Override
            public Map<String, Parameter> discriminator() {
                return loss.discriminator();
            }

            @Override
            public SideLosses losses(NDArray images, NDArray noise) {
                Losses all = loss.of(images, noise);
                return new SideLosses(all.latents(), all.total(), all.discriminator(), all.parts());
            }
        };
    }

    private static SiTObjective transformer(SiT model) {
        TrainingData data = new TrainingData() {
            @Override
            public long size() {
                return 1;
            }

            @Override
            public int tokenWidth() {
                return model.config().encoderWidths().get(0);
            }

            @Override
            public TrainingBatch batch(NDManager manager, long first, int count) {
                throw new AssertionError("the batch is given");
            }
        };
        RepresentationEncoder none = null;
        return new SiTObjective(
                new SiTLoss(model, Interpolant.LINEAR),
                DiffusionConfig.defaults(),
                data,
                none,
                new TokenSubsetSampler(model.config().subset(), new Draws(0), 1));
    }

    private static SiTLossInput input(GoldenCase golden) {
        return new SiTLossInput(
                golden.get("inputs/noise").zerosLike(), // in the place of latents, which the autoencoder makes
                golden.get("inputs/noise"),
                golden.get("inputs/t"),
                golden.get("inputs/y"),
                List.of(golden.get("inputs/targets.0")),
                null,
                null,
                golden.get("inputs/dropped"),
                SiTLossInput.Context.FIRST);
    }
}
