package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.nn.internal.SinCosPositions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** One test for each rule of the family's initialisation, on a built model. */
class SiTInitialisationTest {
    private static final int SEED = 23;
    private static final int WIDTH = 96;
    private static final SiTConfig CONFIG = SiTConfig.of(6, 2, 3, WIDTH, 2, 3, 50)
            .withAlignment(1, 112, List.of(80))
            .withClassToken(80)
            .withMixer(MixerConfig.PAPER)
            .withPlacement(SubsetPlacement.DROP_REINSERT, 0, 0);

    private static NDManager manager;
    private static Map<String, NDArray> weights;

    @BeforeAll
    static void build() {
        manager = NDManager.newBaseManager();
        manager.getEngine().setRandomSeed(SEED);
        weights = Weights.of(TinySiT.fresh(CONFIG, manager));
    }

    @AfterAll
    static void close() {
        manager.close();
    }

    @ParameterizedTest
    @CsvSource({
        "blocks.1.attn.qkv.weight, 96, 288", // as one 3D x D matrix: sqrt(6 / 4D)
        "blocks.1.attn.proj.weight, 96, 96",
        "blocks.1.mlp.fc1.weight, 96, 384",
        "blocks.1.mlp.fc2.weight, 384, 96",
        "mixer.1.attn.qkv.weight, 96, 288",
        "mixer.0.mlp.fc1.weight, 96, 384",
        "projectors.0.0.weight, 96, 112",
        "projectors.0.2.weight, 112, 112",
        "projectors.0.4.weight, 112, 80",
        "cls_projectors2.weight, 80, 96",
        "x_embedder.proj.weight, 12, 96" // as a linear map of the C p² pixels of a patch
    })
    void linearWeightsAreXavierUniform(String key, int in, int out) {
        double bound = Math.sqrt(6.0 / (in + out));
        float[] values = weights.get(key).toFloatArray();

        double largest = 0;
        double squares = 0;
        for (float v : values) {
            largest = Math.max(largest, Math.abs(v));
            squares += v * v;
        }

        assertThat(values).hasSize(in * out);
        assertThat(largest).isBetween(0.98 * bound, bound * (1 + 1e-6)); // at least 1,152 draws
        // variance of U(-b, b) is b²/3; its estimate from 1,152 draws varies by 2.6 %
        assertThat(squares / values.length).isCloseTo(bound * bound / 3, within(0.1 * bound * bound / 3));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "y_embedder.embedding_table.weight",
                "t_embedder.mlp.0.weight",
                "t_embedder.mlp.2.weight",
                "mask_token"
            })
    void embeddingsAreNormalWithDeviationTwoHundredths(String key) {
        float[] values = weights.get(key).toFloatArray();

        double sum = 0;
        double squares = 0;
        for (float v : values) {
            sum += v;
            squares += v * v;
        }
        double deviation = Math.sqrt(squares / values.length);

        double spread = 4 / Math.sqrt(values.length); // four standard errors
        assertThat(sum / values.length).isCloseTo(0, within(0.02 * spread));
        assertThat(deviation).isCloseTo(0.02, within(0.02 * spread));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "blocks.0.adaLN_modulation.1.weight",
                "blocks.1.adaLN_modulation.1.weight",
                "mixer.0.adaLN_modulation.1.weight",
                "mixer.1.adaLN_modulation.1.weight",
                "final_layer.adaLN_modulation.1.weight",
                "final_layer.linear.weight",
                "final_layer.linear_cls.weight"
            })
    void gatesAndHeadsAreZero(String key) {
        assertThat(weights.get(key).toFloatArray()).containsOnly(0f);
    }

    @Test
    void allBiasesAreZero() {
        weights.forEach((key, array) -> {
            if (key.endsWith("bias")) {
                assertThat(array.toFloatArray()).as(key).containsOnly(0f);
            }
        });
        assertThat(weights.keySet().stream().filter(key -> key.endsWith("bias")))
                .hasSizeGreaterThan(20);
    }

    @Test
    void normOfTheClassTokenStartsAsTheIdentity() {
        assertThat(weights.get("wg_norm.weight").toFloatArray()).containsOnly(1f);
    }

    @Test
    void positionsAreTheFixedTable() {
        assertThat(weights.get("pos_embed").toFloatArray()).isEqualTo(SinCosPositions.table(WIDTH, 3, 1));
    }

    @Test
    void onlyThePositionsAreNotTrainedAndAllIsFloat32() {
        Map<String, Parameter> parameters = ParameterKeys.of(TinySiT.fresh(CONFIG, manager));

        parameters.forEach((key, parameter) -> {
            assertThat(parameter.requiresGradient()).as(key).isEqualTo(!key.equals("pos_embed"));
            assertThat(parameter.getArray().getDataType()).as(key).isEqualTo(DataType.FLOAT32);
        });
    }

    @Test
    void everyWeightIsCoveredByARule() {
        weights.keySet().stream()
                .filter(key -> !key.endsWith("bias"))
                .forEach(
                        key -> assertThat(key)
                                .matches(
                                        "pos_embed|mask_token|wg_norm.weight|y_embedder.embedding_table.weight"
                                                + "|x_embedder.proj.weight|cls_projectors2.weight|t_embedder.mlp.[02].weight"
                                                + "|(blocks|mixer).\\d.(attn.(qkv|proj)|mlp.fc[12]|adaLN_modulation.1).weight"
                                                + "|projectors.0.[024].weight|final_layer.(linear|linear_cls|adaLN_modulation.1).weight"));
    }

    @Test
    void equalSeedsGiveEqualModels() {
        manager.getEngine().setRandomSeed(SEED);

        Weights.of(TinySiT.fresh(CONFIG, manager))
                .forEach((key, array) -> assertThat(array.toFloatArray())
                        .as(key)
                        .isEqualTo(weights.get(key).toFloatArray()));
    }
}
