package io.github.maskalign.core.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.evaluate.Evaluation.Estimate;
import io.github.maskalign.core.evaluate.internal.FeatureMatrix;
import io.github.maskalign.core.evaluate.internal.FeatureStatistics;
import io.github.maskalign.core.evaluate.internal.FeatureStatistics.FrechetDistance;
import io.github.maskalign.core.evaluate.internal.InceptionScore;
import io.github.maskalign.core.evaluate.internal.KernelDistance;
import io.github.maskalign.core.evaluate.internal.PrecisionRecall;
import io.github.maskalign.core.evaluate.internal.Rows;
import io.github.maskalign.core.golden.GoldenCase;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The arithmetic next to scipy, torchmetrics, torch-fidelity and ADM's formulas. */
@Tag("bits")
@Tag("device")
class MetricGoldenTest {
    private static final double PERCENT = 1e-4; // 1e-6 relative, the goal; all but the kernel's matrices are float64

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
    @ValueSource(strings = {"full-rank", "tiny-scale", "singular"})
    void frechetDistanceEqualsEveryRoute(String name) {
        GoldenCase golden = golden(name);

        double found = FrechetDistance.between(
                manager,
                Rows.statistics(manager, golden.get("reference")),
                Rows.statistics(manager, golden.get("samples")));
        double turned = FrechetDistance.between(
                manager,
                Rows.statistics(manager, golden.get("samples")),
                Rows.statistics(manager, golden.get("reference")));

        for (Map.Entry<String, String> route : golden.metadata().entrySet()) {
            if (!route.getKey().equals("kind")) {
                double expected = Double.parseDouble(route.getValue());
                assertThat(found).as(route.getKey()).isCloseTo(expected, withinPercentage(PERCENT));
                assertThat(turned).as(route.getKey()).isCloseTo(expected, withinPercentage(PERCENT));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"full-rank", "tiny-scale", "singular"})
    void momentsEqualNumPys(String name) {
        GoldenCase golden = golden(name);

        FeatureStatistics found = Rows.statistics(manager, golden.get("reference"));

        // float64 sums in another order
        NDArray mean = manager.create(found.mean());
        assertThat(GoldenCase.relativeError(mean, golden.get("mu"))).isLessThan(1e-13);
        NDArray sigma = found.covariance(manager);
        assertThat(GoldenCase.relativeError(sigma, golden.get("sigma"))).isLessThan(1e-12);
    }

    @Test
    void inceptionScoreEqualsAdmsSplits() {
        GoldenCase golden = golden("score");
        InceptionScore all = new InceptionScore(23, 50);
        all.add(golden.get("logits").get("0:31"));
        all.add(golden.get("logits").get("31:170"));
        InceptionScore even = new InceptionScore(23, 50);
        even.add(golden.get("logits").get("0:150"));

        assertThat(all.count()).isEqualTo(170);
        assertClose(all.estimate().value(), golden, "all");
        assertClose(all.estimate().error().orElseThrow(), golden, "all_spread");
        assertClose(even.estimate().value(), golden, "first150_torch_fidelity");
        assertClose(even.estimate().error().orElseThrow(), golden, "first150_torch_fidelity_spread");
    }

    @ParameterizedTest
    @CsvSource({"neighbours, 2000", "neighbours, 97", "neighbours, 3", "neighbours-k5, 64", "neighbours-k5, 2"})
    void precisionAndRecallCountTheSamePoints(String name, int blockRows) {
        GoldenCase golden = golden(name);
        FeatureMatrix reference = Rows.matrix(manager, golden.get("reference"), blockRows);
        FeatureMatrix samples = Rows.matrix(manager, golden.get("samples"), blockRows);

        PrecisionRecall found = PrecisionRecall.of(
                manager, reference, samples, Integer.parseInt(golden.metadata().get("k")));

        assertThat(found.samplesCovered())
                .isEqualTo(Long.parseLong(golden.metadata().get("samples_covered")));
        assertThat(found.referenceCovered())
                .isEqualTo(Long.parseLong(golden.metadata().get("reference_covered")));
        assertThat(found.precision().value()).isEqualTo((double) found.samplesCovered() / samples.size());
        assertThat(found.recall().value()).isEqualTo((double) found.referenceCovered() / reference.size());
    }

    @Test
    void kernelDistanceEqualsTheUnbiasedEstimate() {
        GoldenCase golden = golden("kernel");

        double found = KernelDistance.squaredDiscrepancy(golden.get("reference"), golden.get("samples"));
        Estimate whole = new KernelDistance(2, 90, 7) // subsets as large as the sets are the sets
                .between(
                        manager,
                        Rows.matrix(manager, golden.get("reference"), 40),
                        Rows.matrix(manager, golden.get("samples"), 17));

        assertClose(found, golden, "torchmetrics");
        assertClose(whole.value(), golden, "torchmetrics");
        assertThat(whole.error().orElseThrow()).isLessThan(1e-15); // both subsets are the same
    }

    private GoldenCase golden(String name) {
        return GoldenCase.load(MetricGoldenTest.class, "metrics", name, manager);
    }

    private static void assertClose(double found, GoldenCase golden, String key) {
        double expected = Double.parseDouble(golden.metadata().get(key));
        assertThat(found).as(key).isCloseTo(expected, withinPercentage(PERCENT));
    }
}
