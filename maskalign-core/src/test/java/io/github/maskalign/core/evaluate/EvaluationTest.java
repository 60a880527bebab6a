package io.github.maskalign.core.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.evaluate.Evaluation.Estimate;
import io.github.maskalign.core.evaluate.Evaluation.EvaluationResult;
import io.github.maskalign.core.evaluate.Evaluation.MetricValue;
import io.github.maskalign.core.evaluate.Evaluation.Reference;
import io.github.maskalign.core.evaluate.FeatureCollector.CollectorConfig;
import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import io.github.maskalign.core.evaluate.FeatureExtractor.Features;
import io.github.maskalign.core.evaluate.internal.FeatureStatistics;
import io.github.maskalign.core.evaluate.internal.Rows;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EvaluationTest {
    private static final Set<Metric> ALL = EnumSet.allOf(Metric.class);
    private static final FeatureSpace SPACE = new FeatureSpace("Inception v3 2015 (adm)", "a/1", true, 6, 4, 5);
    private static final FeatureSpace TEACHER = new FeatureSpace("teacher", "t/1", false, 6, 0, 0);

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
    @ValueSource(ints = {1, 13, 64, 300})
    void numbersDoNotDependOnTheBatch(int batch) {
        EvaluationResult whole = evaluate(300, 300, 0.4);
        EvaluationResult found = evaluate(300, batch, 0.4);

        assertThat(found.values()).hasSize(6);
        for (Metric metric : ALL) {
            Estimate expected = whole.get(metric).orElseThrow();
            Estimate estimate = found.get(metric).orElseThrow();
            assertThat(estimate.value()).as(metric.id()).isCloseTo(expected.value(), within(1e-9)); // float64 sums
            assertThat(estimate.error().isPresent()).isEqualTo(metric != Metric.IS); // 300 are one split
        }
    }

    @Test
    void everyMetricRanksNearAboveFar() {
        EvaluationResult near = evaluate(400, 100, 0.1);
        EvaluationResult far = evaluate(400, 100, 1.5);

        for (Metric metric : EnumSet.complementOf(EnumSet.of(Metric.IS))) {
            double a = near.get(metric).orElseThrow().value();
            double b = far.get(metric).orElseThrow().value();
            assertThat(metric.lowerIsBetter() ? a < b : a > b).as(metric.id()).isTrue();
        }
    }

    @Test
    void eachMetricAloneGivesTheSameNumber() {
        EvaluationResult all = evaluate(120, 50, 0.4);

        for (Metric metric : ALL) {
            Set<Metric> one = Set.of(metric);
            try (FeatureCollector reference = collect(SPACE, CollectorConfig.reference(one, 500, 200), 1, 200, 50, 0);
                    FeatureCollector samples = collect(SPACE, CollectorConfig.samples(one, 10, 120), 2, 120, 50, 0.4)) {
                EvaluationResult found = Evaluation.of(one).compare(manager, reference.reference(), samples);

                assertThat(found.values()).hasSize(1);
                assertThat(found.get(metric).orElseThrow().value())
                        .isCloseTo(all.get(metric).orElseThrow().value(), within(1e-9));
            }
        }
    }

    @Test
    void smallSetsAreToldApartFromPublishedNumbers() {
        EvaluationResult found = evaluate(120, 50, 0.4);

        assertThat(found.warnings()).hasSize(2);
        assertThat(found.warnings().get(0)).startsWith("There are 120 samples. Below 10000");
        assertThat(found.warnings().get(1)).startsWith("Every subset of kid holds all 120 samples");
        assertThat(evaluate(5, 5, 0.4).warnings())
                .contains(
                        "There are 5 samples for 6 features, so their covariance is singular and fid far from its limit.");
    }

    @Test
    void distancesInOtherFeaturesAreNotCalledFid() {
        Set<Metric> metrics = Set.of(Metric.FID, Metric.KID);
        try (FeatureCollector reference = collect(TEACHER, CollectorConfig.reference(metrics, 50, 60), 1, 60, 60, 0);
                FeatureCollector samples = collect(TEACHER, CollectorConfig.samples(metrics, 5, 60), 2, 60, 60, 0)) {
            EvaluationResult found = Evaluation.of(metrics).compare(manager, reference.reference(), samples);

            assertThat(found.values().stream().map(MetricValue::title))
                    .containsExactly("Fréchet distance (not FID)", "kernel distance (not KID)");
            assertThat(found.warnings().toString())
                    .contains("Every subset of kd_teacher holds")
                    .doesNotContain("fid", "kid");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "FID, fd_dinov2_vit_b",
        "SFID, spatial_fd_dinov2_vit_b",
        "IS, classifier_score_dinov2_vit_b",
        "PRECISION, precision",
        "RECALL, recall",
        "KID, kd_dinov2_vit_b"
    })
    void idsInOtherFeaturesNameThem(Metric metric, String id) {
        FeatureSpace other = new FeatureSpace("DINOv2-ViT-B (weights.pth)", "d/1", false, 6, 4, 5);

        assertThat(metric.id(other)).isEqualTo(id);
        assertThat(metric.id(SPACE)).isEqualTo(metric.id());
        assertThat(Metric.ofFile(id)).contains(metric);
        assertThat(Metric.ofFile(metric.id())).contains(metric);
        assertThat(Metric.ofFile("samples")).isEmpty();
        assertThat(new FeatureSpace("(v1)", "d/1", false, 6, 4, 5).word()).isEqualTo("other");
    }

    @Test
    void whatCannotBeComparedIsRefusedWithEveryReason() {
        Set<Metric> metrics = Set.of(Metric.FID, Metric.PRECISION);
        try (FeatureCollector samples = collect(SPACE, CollectorConfig.samples(metrics, 5, 60), 2, 60, 60, 0)) {
            FeatureStatistics narrow = FeatureStatistics.of(9, new double[] {0}, new double[] {1});
            Reference other = new Reference("b/2", 9, "", narrow, null, null);

            assertThatThrownBy(() -> Evaluation.of(metrics).compare(manager, other, samples))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("the reference holds features of b/2 but the samples those of a/1")
                    .hasMessageContaining("the reference has 1 pooled features but the samples have 6")
                    .hasMessageContaining("the reference has not what precision needs");
            assertThatThrownBy(() -> Evaluation.of(ALL).compare(manager, other, samples))
                    .hasMessageContaining("what is needs was not collected from the samples")
                    .hasMessageContaining("the reference has not what sfid needs");
        }
        assertThatThrownBy(() -> new FeatureCollector(manager, TEACHER, CollectorConfig.samples(ALL, 5, 60)))
                .hasMessage("teacher has no spatial features, which sFID needs");
        assertThatThrownBy(() -> Evaluation.of(Set.of())).hasMessage("at least one metric must be asked for");
    }

    @Test
    void brokenFeaturesNameTheirPictures() {
        Set<Metric> metrics = Set.of(Metric.FID);
        try (FeatureCollector samples = collect(SPACE, CollectorConfig.samples(metrics, 5, 60), 2, 60, 60, 0)) {
            NDArray broken = manager.full(new Shape(3, 6), Float.NaN);

            assertThatThrownBy(() -> samples.add(new Features(broken, null, null)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("features of pictures 60 to 62: features must be finite");
            assertThat(samples.count()).isEqualTo(60);
        }
    }

    @ParameterizedTest
    @CsvSource({"10, 3", "10, 10", "7, 20", "1000, 7", "50000, 10000"})
    void keptRowsAreSpreadEvenly(long expected, int rows) {
        CollectorConfig config = new CollectorConfig(false, false, false, 1, rows, expected);

        int kept = 0;
        for (long i = 0; i < expected; i++) {
            kept += config.keeps(i) ? 1 : 0;
            double due = Math.min(1, (double) rows / expected) * (i + 1);
            assertThat((double) kept).isBetween(due - 1, due + 1e-9);
        }

        assertThat(kept).isEqualTo((int) Math.min(rows, expected));
    }

    private EvaluationResult evaluate(int count, int batch, double shift) {
        try (FeatureCollector reference = collect(SPACE, CollectorConfig.reference(ALL, 500, 200), 1, 200, 200, 0);
                FeatureCollector samples =
                        collect(SPACE, CollectorConfig.samples(ALL, 10, count), 2, count, batch, shift)) {
            return Evaluation.of(ALL).compare(manager, reference.reference(), samples);
        }
    }

    private FeatureCollector collect(
            FeatureSpace space, CollectorConfig config, long seed, int count, int batch, double shift) {
        FeatureCollector collector = new FeatureCollector(manager, space, config);
        NDArray pooled = Rows.random(manager, seed, count, 6, shift);
        NDArray spatial = Rows.random(manager, seed + 100, count, 4, shift);
        NDArray logits = Rows.random(manager, seed + 200, count, 5, shift);
        for (int at = 0; at < count; at += batch) {
            String range = at + ":" + Math.min(count, at + batch);
            collector.add(new Features(pooled.get(range), spatial.get(range), logits.get(range)));
        }
        return collector;
    }
}
