package io.github.maskalign.sit;

import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.golden.GoldenCase;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** MaskDiT's decoder and painted patches, and MicroDiT's mixer, against PyTorch in float64; MaskDiT's reference runs each sample alone. */
@Tag("bits")
@Tag("device")
class MaskedGoldenTest implements GoldenLoss {
    private static final GoldenLoss MIXERS = golden -> {
        Map<String, String> facts = golden.metadata();
        MixerConfig mixer = new MixerConfig(
                Integer.parseInt(facts.get("mixer_count")),
                Integer.parseInt(facts.get("mixer_width")),
                Integer.parseInt(facts.get("mixer_heads")),
                2,
                MixerConfig.Conditioning.ADALN_ZERO,
                MixerConfig.Bottleneck.NORMALISED);
        return GoldenLoss.parity(golden).withMixer(mixer).withPlacement(SubsetPlacement.DROP, 0, 0);
    };

    static Stream<String> cases() {
        return GoldenCase.names(MaskedGoldenTest.class, "masked");
    }

    static Stream<String> mixers() {
        return GoldenCase.names(MaskedGoldenTest.class, "micro");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void lossAndGradientsMatch(String name) {
        verify(getClass(), "masked", name, Way.KEPT);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void recomputedGradientsMatch(String name) {
        verify(getClass(), "masked", name, Way.RECOMPUTED);
    }

    @ParameterizedTest
    @MethodSource("mixers")
    void mixersBetweenNormsMatch(String name) {
        MIXERS.verify(getClass(), "micro", name, Way.KEPT);
        MIXERS.verify(getClass(), "micro", name, Way.RECOMPUTED);
    }

    @Override
    public Interpolant path(GoldenCase golden) {
        return Interpolant.valueOf(golden.metadata().get("path"));
    }

    @Override
    public SiTConfig config(GoldenCase golden) {
        SiTConfig config = GoldenLoss.parity(golden);
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
