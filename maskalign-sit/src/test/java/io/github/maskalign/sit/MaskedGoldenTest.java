package io.github.maskalign.sit;

import ai.djl.ndarray.NDManager;
import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.Recomputation;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.Autograd.Differentiation;
import io.github.maskalign.sit.parity.internal.ParityConfig;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** MaskDiT's decoder and painted patches, and MicroDiT's mixer, against PyTorch in float64; MaskDiT's reference runs each sample alone. */
@Tag("bits")
@Tag("device")
class MaskedGoldenTest {
    static Stream<String> cases() {
        return GoldenCase.names(MaskedGoldenTest.class, "masked");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void lossAndGradientsMatch(String name) {
        verify(name, BlockRunner.PLAIN, Autograd::gradients);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void recomputedGradientsMatch(String name) {
        Recomputation blocks = new Recomputation();
        verify(name, blocks, blocks);
    }

    static Stream<String> mixers() {
        return GoldenCase.names(MaskedGoldenTest.class, "micro");
    }

    @ParameterizedTest
    @MethodSource("mixers")
    void mixersBetweenNormsMatch(String name) {
        mixer(name, BlockRunner.PLAIN, Autograd::gradients);
        Recomputation blocks = new Recomputation();
        mixer(name, blocks, blocks);
    }

    private static void mixer(String name, BlockRunner runner, Differentiation backward) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(MaskedGoldenTest.class, "micro", name, manager);
            Map<String, String> facts = golden.metadata();
            MixerConfig mixer = new MixerConfig(
                    Integer.parseInt(facts.get("mixer_count")),
                    Integer.parseInt(facts.get("mixer_width")),
                    Integer.parseInt(facts.get("mixer_heads")),
                    2,
                    MixerConfig.Conditioning.ADALN_ZERO,
                    MixerConfig.Bottleneck.NORMALISED);
            SiTConfig config = ParityConfig.of(
                            JsonParser.parseString(facts.get("config")).getAsJsonObject())
                    .withMixer(mixer)
                    .withPlacement(SubsetPlacement.DROP, 0, 0);
            new GoldenLoss(golden, manager).verify(config, Interpolant.LINEAR, runner, backward);
        }
    }

    private static void verify(String name, BlockRunner runner, Differentiation backward) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(MaskedGoldenTest.class, "masked", name, manager);
            Interpolant path = Interpolant.valueOf(golden.metadata().get("path"));
            new GoldenLoss(golden, manager).verify(config(golden), path, runner, backward);
        }
    }

    private static SiTConfig config(GoldenCase golden) {
        SiTConfig config = ParityConfig.of(
                JsonParser.parseString(golden.metadata().get("config")).getAsJsonObject());
        JsonArray decoder =
                JsonParser.parseString(golden.metadata().get("decoder")).getAsJsonArray();
        return config.withSubset(config.subset()
                        .withRatio(0.5)
                        .withDecoder(
                                decoder.get(0).getAsInt(),
                                decoder.get(1).getAsInt(),
                                decoder.get(2).getAsInt()))
                .withTerms(ConfigBinder.bindText(golden.metadata().get("terms"), "terms", List.of(), LossTerms.class)
                        .value());
    }
}
