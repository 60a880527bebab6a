package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The whole training loss and all gradients of MaskAlign's relatives, against PyTorch in float64. */
@Tag("bits")
@Tag("device")
class FamilyLossGoldenTest implements GoldenLoss {
    static Stream<String> cases() {
        return GoldenCase.names(FamilyLossGoldenTest.class, "family-losses");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void lossAndGradientsMatch(String name) {
        verify(getClass(), "family-losses", name, Way.KEPT);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void recomputedGradientsMatch(String name) {
        verify(getClass(), "family-losses", name, Way.RECOMPUTED);
    }

    @Override
    public SiTLossInput input(GoldenCase golden, SiTLossInput plain) {
        Map<Integer, NDArray> attention = new HashMap<>();
        golden.under("inputs/attention.").forEach((block, logits) -> attention.put(Integer.valueOf(block), logits));
        return plain.withContext(new SiTLossInput.Context(7, attention));
    }

    @Override
    public SiTConfig config(GoldenCase golden) {
        SiTConfig config = GoldenLoss.parity(golden)
                .withPlacement(SubsetPlacement.valueOf(golden.metadata().get("placement")), 0, 0);
        JsonObject terms =
                JsonParser.parseString(golden.metadata().get("terms")).getAsJsonObject();
        JsonObject irepa = terms.getAsJsonObject("irepa");
        terms.remove("irepa");
        if (irepa != null) {
            config = config.withAlignment(config.align()
                    .withSpatial(
                            irepa.get("kernel").getAsInt(), irepa.get("gamma").getAsDouble()));
        }
        return config.withTerms(ConfigBinder.bindText(terms.toString(), "terms", List.of(), LossTerms.class)
                .value());
    }
}
