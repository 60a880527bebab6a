package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.Order;
import io.github.maskalign.core.align.SubsetConfig.Rounding;
import io.github.maskalign.core.align.SubsetConfig.Scope;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.SubsetConfig.SubsetSchedule;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.align.TokenMixer.MixerConfig.Bottleneck;
import io.github.maskalign.core.align.TokenMixer.MixerConfig.Conditioning;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.sit.SiTConfig;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The operations of a forward pass, against PyTorch's own counter. */
class ModelFlopsTest {
    static Stream<JsonObject> cases() throws IOException {
        try (InputStream in = ModelFlopsTest.class.getResourceAsStream("/golden/flops/flops.json")) {
            List<JsonObject> cases = new ArrayList<>();
            for (JsonElement one : JsonParser.parseReader(new InputStreamReader(in, StandardCharsets.UTF_8))
                    .getAsJsonArray()) {
                cases.add(one.getAsJsonObject());
            }
            return cases.stream();
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void operationsAreThoseThatPyTorchCounts(JsonObject golden) {
        ModelFlops counted = ModelFlops.of(config(golden));

        assertThat(counted.forward()).isEqualTo(golden.get("train_forward").getAsLong());
        assertThat(counted.step()).isEqualTo(3 * golden.get("train_forward").getAsLong());
        assertThat(counted.sample()).isEqualTo(golden.get("sample_forward").getAsLong());
    }

    private static SiTConfig config(JsonObject golden) {
        JsonObject of = golden.getAsJsonObject("config");
        SiTConfig config = SiTConfig.of(
                of.get("input_size").getAsInt(),
                of.get("patch_size").getAsInt(),
                of.get("in_channels").getAsInt(),
                of.get("hidden_size").getAsInt(),
                of.get("depth").getAsInt(),
                of.get("num_heads").getAsInt(),
                of.get("num_classes").getAsInt());
        List<Integer> widths = new ArrayList<>();
        of.getAsJsonArray("z_dims").forEach(width -> widths.add(width.getAsInt()));
        if (!widths.isEmpty()) {
            config = config.withAlignment(
                    of.get("encoder_depth").getAsInt(), of.get("projector_dim").getAsInt(), widths);
        }
        config = config.withClassToken(of.get("cls_dim").getAsInt());
        if (of.get("mixer_layers").getAsInt() > 0) {
            config = config.withMixer(MixerConfig.PAPER);
        }
        SubsetPlacement placement = SubsetPlacement.valueOf(of.get("placement").getAsString());
        if (placement == SubsetPlacement.NONE) {
            return config;
        }
        String name = golden.get("name").getAsString();
        double ratio = golden.get("ratio").getAsDouble();
        if (name.equals("microdit-b")) { // the reference's MLPs have ratio 2
            MixerConfig narrow = new MixerConfig(4, 576, 9, 2, Conditioning.ADALN_ZERO, Bottleneck.NORMALISED);
            return config.withMixer(narrow)
                    .withSubset(config.subset().withPlacement(placement).withRatio(ratio));
        }
        if (name.equals("maskdit-b")) {
            return config.withSubset(config.subset().withDecoder(4, 384, 12).withRatio(ratio));
        }
        if (name.equals("sprint-b")) {
            return config.withSubset(
                    config.subset().withPlacement(placement).withSparse(2, 0.1).withRatio(ratio));
        }
        config = config.withPlacement(
                placement, of.get("route_start").getAsInt(), of.get("route_end").getAsInt());
        return config.withSubset(config.subset().withRatio(golden.get("ratio").getAsDouble()));
    }

    /** MDTv2's two passes, the second with the mean of the ratios that are drawn. */
    @ParameterizedTest
    @ValueSource(strings = {"s", "b"})
    void twoPassesAreCountedAsPyTorchCountsThem(String size) throws IOException {
        JsonObject golden;
        try (InputStream in = ModelFlopsTest.class.getResourceAsStream("/golden/flops-mdtv2/" + size + ".json")) {
            golden = JsonParser.parseReader(new InputStreamReader(in, StandardCharsets.UTF_8))
                    .getAsJsonObject();
        }
        SiTConfig dit = SiTConfig.of(
                        32,
                        2,
                        4,
                        golden.get("hidden_size").getAsInt(),
                        golden.get("depth").getAsInt(),
                        golden.get("num_heads").getAsInt(),
                        1000)
                .withProcess(Process.DDPM);
        SubsetConfig drawn = dit.subset()
                .withSparse(golden.get("decoder").getAsInt(), 0)
                .withRatio(0.3)
                .withSchedule(SubsetSchedule.UNIFORM_RANGE, 0, 4, 0.2)
                .withDrawing(Scope.PER_SAMPLE, Rounding.MAE_FLOAT32, Order.SHUFFLED)
                .withPlacement(SubsetPlacement.MASKED_PASS);

        ModelFlops counted = ModelFlops.of(dit.withSubset(drawn));

        long sample = golden.get("sample_forward").getAsLong();
        assertThat(counted.sample()).isEqualTo(sample);
        assertThat(counted.forward())
                .isEqualTo(sample + golden.get("masked_forward").getAsLong());
    }
}
