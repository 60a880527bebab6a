package io.github.maskalign.core.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.analysis.PositionScores.PositionMap;
import io.github.maskalign.core.analysis.PositionScores.Preference;
import io.github.maskalign.core.analysis.SpatialStructure.Distances;
import io.github.maskalign.core.golden.GoldenCase;
import java.util.Map;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The statistics next to dense NumPy and scipy, which go other ways. */
class AnalysisGoldenTest {
    /** float64 sums in another order; the fixtures' inputs are exact. */
    private static final Offset<Double> CLOSE = within(1e-10);

    private static final Resampling FEW = new Resampling(20, 0.95, 1);

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"similar", "unrelated-wide"})
    void alikenessEqualsTheDefinitions(String name) {
        GoldenCase golden = golden(name);
        float[][] a = floats(golden.get("a"));
        float[][] b = floats(golden.get("b"));

        Similarity.Alignment cka = Similarity.cka(a, b, FEW);
        Similarity.Neighbours near = Similarity.neighbours(a, b, (int) number(golden, "k"), FEW);

        assertThat(cka.biased().value()).isCloseTo(number(golden, "biased"), CLOSE);
        assertThat(cka.unbiased().value()).isCloseTo(number(golden, "unbiased"), CLOSE);
        assertThat(near.mutual().value()).isCloseTo(number(golden, "mutual"), CLOSE);
        assertThat(near.cknna().value()).isCloseTo(number(golden, "cknna"), CLOSE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"full", "masked"})
    void preferenceEqualsTheDefinitions(String name) {
        GoldenCase golden = golden("maps");
        PositionScores scores = name.equals("full") ? full(golden) : masked(golden);

        Preference found = scores.preference(FEW);

        assertThat(found.spread().value()).isCloseTo(number(golden, name + "_spread"), CLOSE);
        assertThat(found.uniformity().value()).isCloseTo(number(golden, name + "_uniformity"), CLOSE);
        assertThat(found.entropy().value()).isCloseTo(number(golden, name + "_entropy"), CLOSE);
        assertThat(found.totalVariation().value()).isCloseTo(number(golden, name + "_variation"), CLOSE);
        assertThat(found.moran().value()).isCloseTo(number(golden, name + "_moran"), CLOSE);
        assertThat(scores.positionShare(FEW).value()).isCloseTo(number(golden, name + "_share"), CLOSE);
        if (name.equals("full")) {
            assertThat(found.chiSquared() / number(golden, "chi_squared")).isCloseTo(1, within(1e-8));
        }
    }

    @Test
    void kendallEqualsTheDefinitionWithAndWithoutTies() {
        GoldenCase golden = golden("maps");

        Measured found = full(golden).kendall(FEW);
        Measured tied = PictureRanks.kendall(doubles(golden.get("tied")), FEW);

        assertThat(found.value()).isCloseTo(number(golden, "kendall"), CLOSE);
        assertThat(found.chance().orElseThrow().pValue() / number(golden, "kendall_p"))
                .isCloseTo(1, within(1e-8));
        assertThat(tied.value()).isCloseTo(number(golden, "kendall_tied"), CLOSE);
    }

    @Test
    void spearmanEqualsScipyAndItsChanceAllShifts() {
        GoldenCase golden = golden("maps");

        Measured found = map(golden, "a").spearman(map(golden, "b"), false);
        Measured tied = map(golden, "rounded_a").spearman(map(golden, "rounded_b"), false);

        assertThat(found.value()).isCloseTo(number(golden, "spearman"), CLOSE);
        assertThat(found.chance().orElseThrow().mean()).isCloseTo(number(golden, "shift_mean"), CLOSE);
        assertThat(found.chance().orElseThrow().pValue()).isCloseTo(number(golden, "shift_p"), CLOSE);
        assertThat(tied.value()).isCloseTo(number(golden, "spearman_tied"), CLOSE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"code", "paper"})
    void spatialStructureEqualsTheDefinitions(String name) {
        GoldenCase golden = golden("spatial");
        float[] flags = golden.get("mask").toType(DataType.FLOAT32, true).toFloatArray();
        boolean[] mask = new boolean[flags.length];
        IntStream.range(0, flags.length).forEach(i -> mask[i] = flags[i] != 0);
        Distances distances = name.equals("code") ? Distances.CODE : Distances.PAPER;

        SpatialStructure found = SpatialStructure.of(floats(golden.get("tokens")), mask, 5, 7, distances);

        assertThat(found.lds()).isCloseTo(number(golden, name + "_lds"), CLOSE);
        assertThat(found.cds()).isCloseTo(number(golden, name + "_cds"), CLOSE);
        assertThat(found.rmsc()).isCloseTo(number(golden, "rmsc"), CLOSE);
        assertThat(found.srss().orElseThrow()).isCloseTo(number(golden, name + "_srss"), CLOSE);
    }

    @Test
    void ridgeScoresEqualTheInverseMatrix() {
        GoldenCase golden = golden("ridge");
        float[][] features = floats(golden.get("features"));
        long[] labels = golden.get("labels").toLongArray();
        int[] classes =
                IntStream.range(0, labels.length).map(i -> (int) labels[i]).toArray();
        double[][] expected = doubles(golden.get("scores"));
        double[] offset = RidgeSums.mean(features);
        int[] first = IntStream.range(0, 21).toArray();
        int[] rest = IntStream.range(21, labels.length).toArray();

        RidgeSums.Fit fit = RidgeSums.of(features, classes, first, 4, offset)
                .plus(RidgeSums.of(features, classes, rest, 4, offset))
                .solve(number(golden, "ridge"));

        for (int i = 0; i < features.length; i++) {
            for (int k = 0; k < 4; k++) {
                double score = fit.bias()[k];
                for (int c = 0; c < offset.length; c++) {
                    score += fit.weights()[k][c] * (features[i][c] - offset[c]);
                }
                assertThat(score).as("row %d, class %d", i, k).isCloseTo(expected[i][k], CLOSE);
            }
        }
    }

    @Test
    void powerAndIntervalsEqualScipys() {
        GoldenCase golden = golden("distributions");
        int compared = 0;
        for (Map.Entry<String, String> entry : golden.metadata().entrySet()) {
            String[] words = entry.getKey().split(" ", -1);
            double expected = words.length == 4 ? Double.parseDouble(entry.getValue()) : 0;
            if (words[0].equals("power")) {
                double found = Measured.power(
                        Integer.parseInt(words[1]), Double.parseDouble(words[2]), 1, Double.parseDouble(words[3]));
                assertThat(found).as(entry.getKey()).isCloseTo(expected, within(1e-8));
                compared++;
            } else if (words[0].startsWith("wilson")) {
                Measured found = Measured.proportion(
                        Long.parseLong(words[1]), Long.parseLong(words[2]), Double.parseDouble(words[3]));
                assertThat(words[0].endsWith("low") ? found.low() : found.high())
                        .as(entry.getKey())
                        .isCloseTo(expected, CLOSE);
                compared++;
            }
        }
        double[][] runs = doubles(golden.get("runs"));

        Measured paired = Measured.paired(runs[0], runs[1], 0.95);

        assertThat(compared).isEqualTo(12);
        assertThat(paired.low()).isCloseTo(number(golden, "paired_low"), CLOSE);
        assertThat(paired.high()).isCloseTo(number(golden, "paired_high"), CLOSE);
        assertThat(paired.chance().orElseThrow().pValue()).isCloseTo(number(golden, "paired_p"), CLOSE);
    }

    @Test
    void overlapOfRandomSetsIsHypergeometric() {
        GoldenCase golden = golden("distributions");

        Measured.Chance overlap = Overlap.chance(256, 26, 9, 0.95, x -> x / 26);
        Measured.Chance jaccard = Overlap.chance(256, 26, 9, 0.95, x -> Overlap.jaccard(x, 26));

        assertThat(overlap.mean()).isCloseTo(number(golden, "overlap_mean"), CLOSE);
        assertThat(overlap.deviation()).isCloseTo(number(golden, "overlap_deviation"), CLOSE);
        assertThat(overlap.pValue()).isCloseTo(number(golden, "overlap_p9"), CLOSE);
        assertThat(jaccard.mean()).isCloseTo(number(golden, "jaccard_mean"), CLOSE);
        assertThat(overlap.mean()).isCloseTo(0.1016, within(5e-5));
        assertThat(overlap.deviation()).isCloseTo(0.0563, within(5e-5));
    }

    private GoldenCase golden(String name) {
        return GoldenCase.load(AnalysisGoldenTest.class, "analysis", name, manager);
    }

    private static double number(GoldenCase golden, String key) {
        String value = golden.metadata().get(key);
        assertThat(value).as(key).isNotNull();
        return Double.parseDouble(value);
    }

    private static PositionScores full(GoldenCase golden) {
        return PositionScores.full(doubles(golden.get("scores")), 5, 6, number(golden, "share"));
    }

    private static PositionScores masked(GoldenCase golden) {
        double[][] flags = doubles(golden.get("visible").toType(DataType.FLOAT64, true));
        boolean[][] visible = new boolean[flags.length][flags[0].length];
        for (int m = 0; m < flags.length; m++) {
            for (int i = 0; i < flags[m].length; i++) {
                visible[m][i] = flags[m][i] != 0;
            }
        }
        return PositionScores.masked(doubles(golden.get("scores")), visible, 5, 6, number(golden, "share"));
    }

    private static PositionMap map(GoldenCase golden, String name) {
        return new PositionMap(5, 6, golden.get(name).toDoubleArray());
    }

    private static double[][] doubles(NDArray array) {
        double[] flat = array.toDoubleArray();
        int width = (int) array.getShape().get(1);
        double[][] rows = new double[flat.length / width][width];
        for (int i = 0; i < rows.length; i++) {
            System.arraycopy(flat, i * width, rows[i], 0, width);
        }
        return rows;
    }

    private static float[][] floats(NDArray array) {
        float[] flat = array.toFloatArray();
        int width = (int) array.getShape().get(1);
        float[][] rows = new float[flat.length / width][width];
        for (int i = 0; i < rows.length; i++) {
            System.arraycopy(flat, i * width, rows[i], 0, width);
        }
        return rows;
    }
}
