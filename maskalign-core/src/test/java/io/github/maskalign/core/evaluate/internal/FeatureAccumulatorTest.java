package io.github.maskalign.core.evaluate.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.LeakCheck;
import io.github.maskalign.core.evaluate.internal.FeatureAccumulator.GroupedAccumulator;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FeatureAccumulatorTest {
    private static final double ROUNDING = 1e-12; // float64 sums in another order, numbers of order 1 to 10

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
    @ValueSource(ints = {1, 7, 64, 511, 512, 513, 1100})
    void batchesGiveWhatLoopsOverAllRowsGive(int batch) {
        NDArray rows = Rows.random(manager, 3, 1100, 5, 2);

        FeatureStatistics found = inBatches(rows, batch);

        assertSame(found, byLoops(rows), ROUNDING);
    }

    @Test
    void largeMeansCostNoDigits() {
        NDArray near = Rows.random(manager, 4, 700, 3, 0);
        NDArray far = near.add(1e6f); // float32 keeps 1/16 of these
        NDArray back = far.sub(1e6f);

        FeatureStatistics found = inBatches(far, 100);

        double[] expected = inBatches(back, 100).covariance();
        for (int i = 0; i < expected.length; i++) {
            assertThat(found.covariance()[i])
                    .isCloseTo(expected[i], within(1e-9)); // Σx² − N mean² would be off by 1e-4
        }
    }

    @Test
    void mergedAccumulatorsEqualOne() {
        NDArray rows = Rows.random(manager, 5, 903, 4, 1);
        try (FeatureAccumulator a = new FeatureAccumulator(manager, 4);
                FeatureAccumulator b = new FeatureAccumulator(manager, 4);
                FeatureAccumulator empty = new FeatureAccumulator(manager, 4)) {
            a.add(rows.get("0:601"));
            b.add(rows.get("601:903"));

            a.merge(b);
            a.merge(empty);
            empty.merge(a);

            assertThat(a.count()).isEqualTo(903);
            assertThat(b.count()).isEqualTo(302);
            assertSame(a.statistics(), byLoops(rows), ROUNDING);
            assertSame(empty.statistics(), byLoops(rows), ROUNDING);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 10})
    void leavingAGroupOutEqualsLeavingItsRowsOut(int groups) {
        NDArray rows = Rows.random(manager, 6, 57, 3, 0);
        try (GroupedAccumulator grouped = new GroupedAccumulator(manager, 3, groups)) {
            grouped.add(rows.get("0:5"));
            grouped.add(rows.get("5:41"));
            grouped.add(rows.get("41:57"));

            assertThat(grouped.count()).isEqualTo(57);
            assertSame(grouped.all(), byLoops(rows), ROUNDING);
            assertThat(grouped.omissible()).isEqualTo(groups == 1 ? 0 : groups);
            for (int g = 0; g < grouped.omissible(); g++) {
                int omitted = g;
                long[] kept = LongStream.range(0, 57)
                        .filter(i -> i % groups != omitted)
                        .toArray();
                NDArray rest = rows.get(OwnedArrays.of(manager, new Shape(kept.length), kept));
                assertSame(grouped.without(g), byLoops(rest), ROUNDING);
            }
        }
    }

    @Test
    void brokenRowsAreRefusedAndChangeNothing() {
        try (FeatureAccumulator sum = new FeatureAccumulator(manager, 2)) {
            sum.add(OwnedArrays.of(manager, new Shape(2, 2), new float[] {1, 2, 3, 4}));
            FeatureStatistics before = sum.statistics();
            float[] broken = {1, 2, 3, Float.NaN, 5, 6, Float.POSITIVE_INFINITY, 8};

            assertThatThrownBy(() -> sum.add(OwnedArrays.of(manager, new Shape(4, 2), broken)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("features must be finite but 2 of 4 rows hold NaN or infinity, the first in row 1");
            assertThatThrownBy(() -> sum.add(manager.zeros(new Shape(2, 3))))
                    .hasMessage("features must be float32 of shape (N, 2) but were float32 of shape (2, 3)");
            assertThatThrownBy(() -> sum.add(manager.zeros(new Shape(2, 2), DataType.FLOAT64)))
                    .hasMessageStartingWith("features must be float32 of shape (N, 2)");

            assertThat(sum.statistics()).isEqualTo(before);
        }
    }

    @Test
    void oneRowHasNoCovariance() {
        try (FeatureAccumulator sum = new FeatureAccumulator(manager, 2)) {
            sum.add(manager.zeros(new Shape(1, 2)));

            assertThatThrownBy(sum::statistics)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("a covariance needs at least 2 pictures but there are 1");
        }
    }

    @Test
    void addingLeavesNoArraysBehind() {
        try (FeatureAccumulator sum = new FeatureAccumulator(manager, 6)) {
            LeakCheck.constantCount(manager, 5, step -> sum.add(Rows.random(step, 8, 300, 6, 0)));
        }
    }

    @Test
    void statisticsThatAreNoneAreRefused() {
        double[] mean = {0, 0};

        assertThatThrownBy(() -> FeatureStatistics.of(5, mean, new double[] {1, 0, 0}))
                .hasMessage("a mean of 2 features needs a covariance of 2 x 2 but it has 3 numbers");
        assertThatThrownBy(() -> FeatureStatistics.of(5, mean, new double[] {1, 0, 0, Double.NaN}))
                .hasMessage("the covariance of features must be finite but number 3 is NaN");
        assertThatThrownBy(() -> FeatureStatistics.of(5, mean, new double[] {1, 0.5, 0, 1}))
                .hasMessageStartingWith("a covariance must be symmetric but holds 0.0 at (1, 0) and 0.5 at (0, 1)");
        assertThatThrownBy(() -> FeatureStatistics.of(5, mean, new double[] {1, 0, 0, -1}))
                .hasMessage("a variance must be at least 0 but that of feature 1 is -1.0");
        assertThatThrownBy(() -> FeatureStatistics.of(-1, mean, new double[] {1, 0, 0, 1}))
                .hasMessage("count must be at least 0 but was -1");
    }

    private FeatureStatistics inBatches(NDArray rows, int batch) {
        int total = Math.toIntExact(rows.getShape().get(0));
        int width = Math.toIntExact(rows.getShape().get(1));
        try (FeatureAccumulator sum = new FeatureAccumulator(manager, width)) {
            for (int at = 0; at < total; at += batch) {
                sum.add(rows.get(at + ":" + Math.min(total, at + batch)));
            }
            assertThat(sum.count()).isEqualTo(total);
            return sum.statistics();
        }
    }

    /** The slow twin: two passes in plain Java. */
    private static FeatureStatistics byLoops(NDArray rows) {
        int n = Math.toIntExact(rows.getShape().get(0));
        int width = Math.toIntExact(rows.getShape().get(1));
        float[] x = rows.toFloatArray();
        double[] mean = new double[width];
        for (int i = 0; i < x.length; i++) {
            mean[i % width] += x[i] / (double) n;
        }
        double[] covariance = new double[width * width];
        for (int r = 0; r < n; r++) {
            for (int i = 0; i < width; i++) {
                for (int j = 0; j < width; j++) {
                    covariance[i * width + j] += (x[r * width + i] - mean[i]) * (x[r * width + j] - mean[j]) / (n - 1);
                }
            }
        }
        return new FeatureStatistics(n, mean, covariance);
    }

    private static void assertSame(FeatureStatistics found, FeatureStatistics expected, double tolerance) {
        assertThat(found.count()).isEqualTo(expected.count());
        assertThat(found.mean()).containsExactly(expected.mean(), within(tolerance));
        assertThat(found.covariance()).containsExactly(expected.covariance(), within(tolerance));
    }
}
