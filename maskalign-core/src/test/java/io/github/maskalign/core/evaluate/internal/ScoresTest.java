package io.github.maskalign.core.evaluate.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.LeakCheck;
import io.github.maskalign.core.evaluate.Evaluation.Estimate;
import io.github.maskalign.core.files.internal.OwnedArrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Inception Score, kernel distance and error bars. */
class ScoresTest {
    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void certainAndDiversePicturesScoreTheNumberOfClasses() {
        InceptionScore score = new InceptionScore(5, 100);
        score.add(certain(50, 5));

        assertThat(score.estimate().value()).isCloseTo(5, within(1e-9)); // other classes have p = e^-200
        assertThat(score.estimate().error()).isEmpty(); // one split
    }

    @Test
    void equalPicturesScoreOne() {
        InceptionScore score = new InceptionScore(7, 10);
        score.add(manager.ones(new Shape(25, 7)));

        assertThat(score.count()).isEqualTo(25);
        assertThat(score.estimate().value()).isCloseTo(1, within(1e-12));
        assertThat(score.estimate().error().orElseThrow()).isCloseTo(0, within(1e-12));
    }

    @Test
    void splitsDoNotDependOnBatches() {
        NDArray logits = Rows.random(manager, 3, 47, 6, 0).mul(3);
        InceptionScore whole = new InceptionScore(6, 11);
        whole.add(logits);
        InceptionScore parts = new InceptionScore(6, 11);
        for (int at = 0; at < 47; at += 4) {
            parts.add(logits.get(at + ":" + Math.min(47, at + 4)));
        }

        assertThat(parts.count()).isEqualTo(47);
        assertThat(parts.estimate().value())
                .isCloseTo(whole.estimate().value(), within(1e-12)); // sums in another order
    }

    @Test
    void scoresOfNothingAndOfNaNAreRefused() {
        InceptionScore score = new InceptionScore(3, 10);

        assertThatThrownBy(score::estimate).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> score.add(OwnedArrays.of(manager, new Shape(1, 3), new float[] {0, Float.NaN, 0})))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("must be finite");
        assertThatThrownBy(() -> new InceptionScore(1, 10)).isInstanceOf(IllegalArgumentException.class);
        assertThat(score.count()).isZero();
    }

    @Test
    void scoringLeavesNoArraysBehind() {
        InceptionScore score = new InceptionScore(6, 11);
        LeakCheck.constantCount(manager, 4, step -> score.add(Rows.random(step, 3, 47, 6, 0)));
    }

    @Test
    void kernelDistanceOfEqualDistributionsIsNearZeroAndOfOthersIsNot() {
        FeatureMatrix a = Rows.matrix(manager, Rows.random(manager, 1, 400, 6, 0), 90);
        FeatureMatrix same = Rows.matrix(manager, Rows.random(manager, 2, 300, 6, 0), 90);
        FeatureMatrix other = Rows.matrix(manager, Rows.random(manager, 3, 300, 6, 1), 90);
        KernelDistance kernel = new KernelDistance(30, 100, 5);

        Estimate near = kernel.between(manager, a, same);
        Estimate far = kernel.between(manager, a, other);

        assertThat(Math.abs(near.value())).isLessThan(near.error().orElseThrow());
        assertThat(far.value()).isGreaterThan(5 * far.error().orElseThrow());
    }

    @Test
    void subsetsDependOnTheSeedAlone() {
        FeatureMatrix a = Rows.matrix(manager, Rows.random(manager, 1, 60, 4, 0), 25);
        FeatureMatrix inOtherBlocks = Rows.matrix(manager, Rows.random(manager, 1, 60, 4, 0), 7);
        FeatureMatrix b = Rows.matrix(manager, Rows.random(manager, 2, 50, 4, 0.3), 25);

        Estimate found = new KernelDistance(5, 20, 1).between(manager, a, b);

        assertThat(new KernelDistance(5, 20, 1).between(manager, inOtherBlocks, b))
                .isEqualTo(found);
        assertThat(new KernelDistance(5, 20, 2).between(manager, a, b)).isNotEqualTo(found);
        assertThat(found.errorIs()).isEqualTo("standard deviation over 5 subsets of 20");
        LeakCheck.constantCount(manager, 4, step -> new KernelDistance(2, 20, 1).between(manager, a, b));
    }

    @Test
    void kernelDistanceNeedsTwoPictures() {
        FeatureMatrix one = Rows.matrix(manager, Rows.random(manager, 1, 1, 4, 0), 7);
        FeatureMatrix two = Rows.matrix(manager, Rows.random(manager, 1, 2, 4, 0), 7);
        FeatureMatrix wide = Rows.matrix(manager, Rows.random(manager, 1, 2, 5, 0), 7);

        assertThatThrownBy(() -> KernelDistance.USUAL.between(manager, one, two))
                .hasMessage("the kernel distance needs at least 2 pictures of each set but there are 1 and 2");
        assertThatThrownBy(() -> KernelDistance.USUAL.between(manager, two, wide))
                .hasMessage("the kernel distance needs equal numbers of features but they are 4 and 5");
        assertThatThrownBy(() -> new KernelDistance(0, 2, 0)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void jackknifeOfAMeanIsItsStandardError() {
        double[] x = {3, 1, 4, 1, 5, 9, 2, 6};
        double mean = 31 / 8.0;
        double[] without = new double[8];
        double variance = 0;
        for (int i = 0; i < 8; i++) {
            without[i] = (31 - x[i]) / 7;
            variance += (x[i] - mean) * (x[i] - mean) / 7;
        }

        Estimate found = Estimate.jackknife(mean, without);

        assertThat(found.error().orElseThrow()).isCloseTo(Math.sqrt(variance / 8), within(1e-14));
        assertThat(Estimate.jackknife(mean, new double[0]).error()).isEmpty();
        assertThat(Estimate.share(3, 12, "x").error().orElseThrow()).isCloseTo(0.125, within(1e-15));
        assertThatThrownBy(() -> Estimate.alone(Double.NaN)).hasMessage("an estimate must be finite but was NaN");
    }

    private NDArray certain(int n, int classes) {
        float[] values = new float[n * classes];
        for (int i = 0; i < n; i++) {
            values[i * classes + i % classes] = 200;
        }
        return OwnedArrays.of(manager, new Shape(n, classes), values);
    }
}
