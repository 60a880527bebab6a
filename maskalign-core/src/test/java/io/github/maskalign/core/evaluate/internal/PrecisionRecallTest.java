package io.github.maskalign.core.evaluate.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.LeakCheck;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PrecisionRecallTest {
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
    @CsvSource({"61, 47, 3, 13", "61, 47, 1, 100", "5, 4, 3, 2", "30, 90, 4, 30"})
    void countsEqualThoseOfLoops(int n, int m, int k, int blockRows) {
        NDArray reference = Rows.random(manager, 1, n, 3, 0);
        NDArray samples = Rows.random(manager, 2, m, 3, 0.7);

        PrecisionRecall found = PrecisionRecall.of(
                manager, Rows.matrix(manager, reference, blockRows), Rows.matrix(manager, samples, blockRows), k);

        double[][] r = rows(reference);
        double[][] s = rows(samples);
        assertThat(found.samplesCovered()).isEqualTo(covered(s, r, k));
        assertThat(found.referenceCovered()).isEqualTo(covered(r, s, k));
    }

    @Test
    void equalSetsCoverEachOther() {
        NDArray rows = Rows.random(manager, 3, 40, 5, 0);

        PrecisionRecall found = PrecisionRecall.of(
                manager, Rows.matrix(manager, rows, 9), Rows.matrix(manager, rows.duplicate(), 9), 3);

        assertThat(found.precision().value()).isEqualTo(1);
        assertThat(found.recall().value()).isEqualTo(1);
    }

    @Test
    void aSampleSetOnOneModeIsPreciseAndRecallsLittle() {
        NDArray twoModes = Rows.random(manager, 4, 50, 2, 0).concat(Rows.random(manager, 5, 50, 2, 100));
        NDArray oneMode = Rows.random(manager, 6, 100, 2, 0);

        PrecisionRecall found =
                PrecisionRecall.of(manager, Rows.matrix(manager, twoModes, 30), Rows.matrix(manager, oneMode, 30), 3);

        assertThat(found.precision().value()).isGreaterThan(0.8);
        assertThat(found.recall().value()).isBetween(0.3, 0.5);
        assertThat(found.recall().error().orElseThrow()).isCloseTo(0.05, within(0.01)); // √(¼ / 100)
    }

    @Test
    void tooFewPointsAndOtherWidthsAreRefused() {
        FeatureMatrix three = Rows.matrix(manager, Rows.random(manager, 1, 3, 2, 0), 10);
        FeatureMatrix four = Rows.matrix(manager, Rows.random(manager, 1, 4, 2, 0), 10);
        FeatureMatrix wide = Rows.matrix(manager, Rows.random(manager, 1, 4, 3, 0), 10);

        assertThatThrownBy(() -> PrecisionRecall.of(manager, four, three, 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("precision and recall with 3 neighbours need at least 4 points but the samples has 3");
        assertThatThrownBy(() -> PrecisionRecall.of(manager, four, wide, 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("but the reference has 2 and the samples have 3");
        assertThatThrownBy(() -> PrecisionRecall.of(manager, four, four, 0))
                .hasMessage("neighbours must be at least 1 but was 0");
    }

    @Test
    void nothingStaysOnTheManager() {
        FeatureMatrix a = Rows.matrix(manager, Rows.random(manager, 1, 30, 2, 0), 7);
        FeatureMatrix b = Rows.matrix(manager, Rows.random(manager, 2, 25, 2, 0), 7);

        LeakCheck.constantCount(manager, 4, step -> PrecisionRecall.of(manager, a, b, 3));
    }

    @Test
    void rowsComeBackFromTheirBlocks() {
        NDArray all = Rows.random(manager, 9, 23, 2, 0);
        FeatureMatrix matrix = new FeatureMatrix(manager, 2, 5);
        matrix.add(all.get("0:3"));
        matrix.add(all.get("3:20"));
        matrix.add(all.get("20:23"));

        int[] places = {0, 4, 5, 6, 19, 22};
        NDArray index = OwnedArrays.of(manager, new Shape(6), new long[] {0, 4, 5, 6, 19, 22});

        assertThat(matrix.size()).isEqualTo(23);
        assertThat(matrix.blocks()).isEqualTo(5);
        assertThat(matrix.block(manager, 4).getShape()).isEqualTo(new Shape(3, 2));
        assertThat(matrix.rows(manager, places)).isEqualTo(all.get(index));
    }

    private static long covered(double[][] points, double[][] by, int k) {
        double[] radii = new double[by.length];
        for (int i = 0; i < by.length; i++) {
            double[] own = new double[by.length];
            for (int j = 0; j < by.length; j++) {
                own[j] = distance(by[i], by[j]);
            }
            Arrays.sort(own);
            radii[i] = own[k];
        }
        return Arrays.stream(points)
                .filter(p -> {
                    for (int j = 0; j < by.length; j++) {
                        if (distance(p, by[j]) <= radii[j]) {
                            return true;
                        }
                    }
                    return false;
                })
                .count();
    }

    private static double distance(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (a[i] - b[i]) * (a[i] - b[i]);
        }
        return sum;
    }

    private static double[][] rows(NDArray array) {
        int n = Math.toIntExact(array.getShape().get(0));
        float[] values = array.toFloatArray();
        int width = values.length / n;
        double[][] rows = new double[n][width];
        for (int i = 0; i < values.length; i++) {
            rows[i / width][i % width] = values[i];
        }
        return rows;
    }
}
