package io.github.maskalign.core.evaluate.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.LeakCheck;
import io.github.maskalign.core.evaluate.Evaluation.Estimate;
import io.github.maskalign.core.evaluate.internal.FeatureAccumulator.GroupedAccumulator;
import io.github.maskalign.core.evaluate.internal.FeatureStatistics.FrechetDistance;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FrechetDistanceTest {
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
    @CsvSource({"400, 300, 37", "90, 250, 61", "20, 15, 33"})
    void equalsTheRootComputedByAnotherLibrary(int n, int m, int width) {
        FeatureStatistics a = Rows.statistics(manager, Rows.random(manager, 1, n, width, 0));
        FeatureStatistics b =
                Rows.statistics(manager, Rows.random(manager, 2, m, width, 0.2).mul(1.3f));

        double found = FrechetDistance.between(manager, a, b);

        // EJML forms the symmetric root of the whole covariance: noise of singular ones, 1e-8 each, is in it
        assertThat(found).isCloseTo(byEjml(a, b), withinPercentage(1e-4));
    }

    @Test
    void gaussiansOfOneDimensionHaveTheClosedForm() {
        FeatureStatistics a = FeatureStatistics.of(0, new double[] {1}, new double[] {4});
        FeatureStatistics b = FeatureStatistics.of(0, new double[] {-2}, new double[] {0.25});

        assertThat(FrechetDistance.between(manager, a, b)).isCloseTo(9 + 1.5 * 1.5, within(1e-14));
    }

    @Test
    void aSetIsAtNoDistanceFromItself() {
        for (int n : new int[] {500, 12}) {
            FeatureStatistics own = Rows.statistics(manager, Rows.random(manager, 7, n, 40, 3));

            // differences of traces of about 60 in float64
            assertThat(FrechetDistance.between(manager, own, own)).isCloseTo(0, within(1e-10));
        }
    }

    @Test
    void constantFeaturesAreAllowed() {
        FeatureStatistics point = FeatureStatistics.of(3, new double[] {1, 1}, new double[4]);
        FeatureStatistics other = FeatureStatistics.of(3, new double[] {1, 0}, new double[] {2, 0, 0, 3});

        assertThat(FrechetDistance.between(manager, point, other)).isEqualTo(6);
        assertThat(FrechetDistance.between(manager, other, point)).isCloseTo(6, within(1e-14));
    }

    @Test
    void otherWidthsAndNoCovarianceAreRefused() {
        FeatureStatistics two = FeatureStatistics.of(3, new double[2], new double[] {1, 0, 0, 1});
        FeatureStatistics one = FeatureStatistics.of(3, new double[1], new double[] {1});
        FeatureStatistics none = FeatureStatistics.of(3, new double[2], new double[] {1, 2, 2, 1});

        assertThatThrownBy(() -> FrechetDistance.between(manager, two, one))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the Fréchet distance needs equal numbers of features but they are 2 and 1");
        assertThatThrownBy(() -> FrechetDistance.between(manager, none, two))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("a covariance must have no negative eigenvalues but has -");
    }

    @Test
    void distancesLeaveNoArraysBehind() {
        FeatureStatistics a = Rows.statistics(manager, Rows.random(manager, 1, 50, 6, 0));
        LeakCheck.constantCount(manager, 4, step -> FrechetDistance.between(step, a, a));
        try (FrechetDistance distance = new FrechetDistance(manager, a)) {
            LeakCheck.constantCount(manager, 4, step -> distance.to(a));
        }
    }

    @Test
    void jackknifeErrorIsThatOfRepeatedSamples() {
        double[] values = new double[40];
        double told = 0;
        FeatureStatistics reference = Rows.statistics(manager, Rows.random(manager, 99, 4000, 4, 0));
        try (FrechetDistance distance = new FrechetDistance(manager, reference)) {
            for (int i = 0; i < values.length; i++) {
                NDArray samples = Rows.random(manager, 1000 + i, 400, 4, 0.5);
                try (GroupedAccumulator groups = new GroupedAccumulator(manager, 4, 10)) {
                    groups.add(samples);
                    double[] without = new double[groups.omissible()];
                    for (int g = 0; g < without.length; g++) {
                        without[g] = distance.to(groups.without(g));
                    }
                    values[i] = distance.to(groups.all());
                    told += Estimate.jackknife(values[i], without).error().orElseThrow() / values.length;
                }
            }
        }
        double spread = Estimate.overParts(values, "repeats").error().orElseThrow();

        // a deviation over 40 repeats is known to 11 %, a jackknife over 10 groups is a few per cent too large
        assertThat(told / spread).isBetween(0.7, 1.5);
    }

    private static double byEjml(FeatureStatistics a, FeatureStatistics b) {
        int width = a.width();
        EigenDecomposition_F64<DMatrixRMaj> eigen = eigen(new DMatrixRMaj(width, width, true, a.covariance()), true);
        DMatrixRMaj root = new DMatrixRMaj(width, width);
        for (int i = 0; i < width; i++) {
            DMatrixRMaj v = eigen.getEigenVector(i);
            CommonOps_DDRM.multAddTransB(value(eigen, i), v, v, root);
        }
        DMatrixRMaj half = new DMatrixRMaj(width, width);
        DMatrixRMaj product = new DMatrixRMaj(width, width);
        CommonOps_DDRM.mult(root, new DMatrixRMaj(width, width, true, b.covariance()), half);
        CommonOps_DDRM.mult(half, root, product);
        for (int i = 0; i < width; i++) {
            for (int j = 0; j < i; j++) { // rounding apart it is symmetric
                product.set(j, i, product.get(i, j));
            }
        }
        EigenDecomposition_F64<DMatrixRMaj> values = eigen(product, false);
        double trace = 0;
        for (int i = 0; i < width; i++) {
            trace += value(values, i);
        }
        return a.meanDistance(b) + a.trace() + b.trace() - 2 * trace;
    }

    private static double value(EigenDecomposition_F64<DMatrixRMaj> eigen, int i) {
        return Math.sqrt(Math.max(0, eigen.getEigenvalue(i).getReal()));
    }

    private static EigenDecomposition_F64<DMatrixRMaj> eigen(DMatrixRMaj matrix, boolean vectors) {
        EigenDecomposition_F64<DMatrixRMaj> eigen = DecompositionFactory_DDRM.eig(matrix.numRows, vectors, true);
        assertThat(eigen.decompose(matrix.copy())).isTrue();
        return eigen;
    }
}
