package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.sample.Guidance.Unconditional;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTVariant;
import io.github.maskalign.sit.run.RunConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The methods that leave tokens out, at every size that they name, and what no run begins with. */
class SparseMethodsTest {
    private static final Map<Integer, String> MODELS = Map.of(
            4, "patchSize: 2, hiddenSize: 192, depth: 4, numHeads: 6",
            6, "patchSize: 2, hiddenSize: 192, depth: 6, numHeads: 6",
            8, "patchSize: 2, hiddenSize: 256, depth: 8, numHeads: 4",
            12, "variant: SiT-B/2",
            24, "variant: SiT-L/2",
            28, "variant: SiT-XL/2");

    @ParameterizedTest
    @CsvSource({
        // renoise_linear and mask token; decoder and its head; mixer between norms: ParameterCountTest has the formulas
        "sprint, 1181184, 2656512",
        "maskdit, 15157248, 55431168",
        "microdit, 27465408, 76162176"
    })
    void everySizeIsAModel(String id, long atB, long atXl) {
        for (int depth : MODELS.keySet()) {
            RunConfig config = bind(id, depth, List.of());

            SiTConfig model = RunPlan.model(config);

            assertThat(model.needsEncoder()).isFalse();
            assertThat(config.subset().dropping().tail(config.train().steps())).isBetween(45L, 110L); // of 1,000
            long total = ModelSummary.of(config).parameters().getOrDefault("total", 0L);
            if (depth == 12) {
                assertThat(total - plain(SiTVariant.B_2)).isEqualTo(atB);
            }
            if (depth == 28) {
                assertThat(total - plain(SiTVariant.XL_2)).isEqualTo(atXl);
            }
        }
    }

    private static long plain(SiTVariant variant) {
        return variant == SiTVariant.B_2 ? 130_500_112 : 675_111_184; // ParameterCountTest
    }

    @Test
    void sprintSamplesWithoutItsPath() {
        RunConfig config = bind("sprint", 12, List.of());

        assertThat(config.sample().guidance().unconditional()).isEqualTo(Unconditional.PATH_DROP);
        assertThat(config.evaluate().sampling(config.sample()).guidance().unconditional())
                .isEqualTo(Unconditional.PATH_DROP);
        assertThat(RunPlan.settings(config))
                .containsEntry("subset.pattern", "STRUCTURED_2X2")
                .containsKey("train.steps") // the tail depends on it
                .doesNotContainKeys("subset.dense", "subset.pathDrop", "mixer.bottleneck", "terms.mae");
    }

    /** Runs of earlier releases go on: what they did not say is left out of what a run is. */
    @Test
    void runsWithoutThemAreWhatTheyWere() {
        RunConfig config = bind(
                "microdit",
                12,
                List.of("mixer.bottleneck=RESIDUAL", "subset.unmaskedTailShare=0.0", "subset.placement=DROP"));

        assertThat(RunPlan.settings(config))
                .containsKeys("mixer.width", "subset.placement", "subset.unmaskedTailSteps")
                .doesNotContainKeys(
                        "train.steps",
                        "mixer.bottleneck",
                        "subset.unmaskedTailShare",
                        "subset.pattern",
                        "subset.dense",
                        "subset.pathDrop",
                        "subset.decoder",
                        "terms.mae");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "sprint   | subset.placement=ROUTE | sample.unconditional must be NULL_LABEL with subset.placement ROUTE",
                "sprint   | subset.ratio=0.5       | ratio must be 0.75 and schedule CONSTANT with pattern STRUCTURED_2X2",
                "sprint   | model.inputSize=30     | pattern STRUCTURED_2X2 cuts the grid of tokens into windows of side 2",
                "sprint   | subset.dense=6         | subset.dense must leave a block between the first and the last 6",
                "maskdit  | subset.placement=DROP  | decoder goes with placement DROP_REINSERT",
                "maskdit  | subset.decoder=null    | terms.mae is about patches that a decoder paints in",
                "maskdit  | subset.ratio=0.0       | terms.mae is about patches that are dropped, but subset.ratio 0",
                "microdit | mixer.width=768        | mixer.bottleneck NORMALISED is the way into layers of another width",
                "microdit | subset.unmaskedTailSteps=1001 | subset.unmaskedTailSteps must be at most train.steps, 1000,"
            })
    void whatMakesNoSenseIsRefusedBeforeARun(String id, String setting, String words) {
        assertThatThrownBy(() -> RunPlan.model(bind(id, 12, List.of(setting)))).hasMessageContaining(words);
    }

    private static RunConfig bind(String method, int depth, List<String> more) {
        List<String> overrides = new ArrayList<>(List.of("method=" + method));
        overrides.addAll(more);
        String base = "name: x\nmodel: {" + MODELS.get(depth) + ", inputSize: 32, inChannels: 4, numClasses: 1000}\n"
                + "data: {kind: LATENTS, path: none}\ntrain: {steps: 1000, globalBatch: 8}\n"
                + "optim: {lr: 1.0e-4, emaDecay: 0.99}\n";
        return ConfigBinder.bindText(base, "base", overrides, RunConfig.class).value();
    }
}
