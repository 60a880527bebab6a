package io.github.maskalign.core.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.Autograd;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Where the two parts of DiT's loss send their gradients, and what they are where they are known. */
class DdpmLossTest {
    private static final Shape PREDICTED = new Shape(3, 4, 3, 3);
    private static final Shape PICTURES = new Shape(3, 2, 3, 3);

    private NDManager manager;
    private NDArray clean;
    private NDArray noise;
    private NDArray t;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
        clean = values(PICTURES, 0.9);
        noise = values(PICTURES, 1.7);
        t = manager.create(new float[] {0, 0.004f, 0.731f});
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void noiseThatIsRightAndTheSmallestVarianceHaveNoLoss() {
        NDArray right = noise.concat(clean.zerosLike().sub(1), 1); // share 0: the posterior's own variance

        DdpmLoss.Parts parts = DdpmLoss.perSample(right, clean, noise, t, 2);

        assertThat(parts.noise().toFloatArray()).containsOnly(0f);
        assertThat(parts.bound().toFloatArray()[1]).isCloseTo(0f, within(1e-4f));
        assertThat(parts.bound().toFloatArray()[2]).isCloseTo(0f, within(1e-4f));
        assertThat(parts.bound().toFloatArray()[0]).isGreaterThan(0.1f); // bits of x* itself at the first step
    }

    @Test
    void theBoundTeachesTheVarianceAlone() {
        try (GradMode recording = GradMode.on()) {
            NDArray predicted = values(PREDICTED, 0.4);
            predicted.setRequiresGradient(true);
            DdpmLoss.Parts parts = DdpmLoss.perSample(predicted, clean, noise, t, 2);

            NDArray ofNoise = gradient(parts.noise().sum(), predicted);
            NDArray ofBound = gradient(parts.bound().sum(), predicted);

            assertThat(norm(ofNoise.get(":, :2"))).isPositive();
            assertThat(norm(ofNoise.get(":, 2:"))).isZero();
            assertThat(norm(ofBound.get(":, :2"))).isZero();
            assertThat(norm(ofBound.get(":, 2:"))).isPositive();
        }
    }

    @Test
    void theGradientOfTheBoundIsItsDifferenceQuotient() {
        float[] at = values(PREDICTED, 0.4).toFloatArray();
        float[] found;
        try (GradMode recording = GradMode.on()) {
            NDArray predicted = manager.create(at, PREDICTED);
            predicted.setRequiresGradient(true);
            found = gradient(
                            DdpmLoss.perSample(predicted, clean, noise, t, 2)
                                    .bound()
                                    .sum(),
                            predicted)
                    .toFloatArray();
        }
        float step = 1e-2f;
        for (int i : new int[] {18, 35, 36 + 20, 72 + 30}) { // of the variance, in each of three samples
            float[] more = at.clone();
            float[] less = at.clone();
            more[i] += step;
            less[i] -= step;
            double quotient = (bound(more) - bound(less)) / (2 * step);

            assertThat((double) found[i]).isCloseTo(quotient, within(2e-3 + 2e-2 * Math.abs(quotient))); // float32 sums
        }
    }

    private double bound(float[] predicted) {
        return DdpmLoss.perSample(manager.create(predicted, PREDICTED), clean, noise, t, 2)
                .bound()
                .sum()
                .getFloat();
    }

    @Test
    void keptPatchesHaveTheLossOfTheirPictureCutUp() {
        NDArray predicted = values(PREDICTED, 0.3);
        float[] whole =
                DdpmLoss.perSample(predicted, clean, noise, t, 2).noise().toFloatArray();

        // one pixel a patch: (N, 9, C), channel fastest
        NDArray tokens = cut(predicted, 4);
        DdpmLoss.Parts parts = DdpmLoss.perSample(tokens, cut(clean, 2), cut(noise, 2), t, 2);

        assertThat(parts.noise().toFloatArray()).containsExactly(whole, within(1e-6f));
        assertThat(parts.bound().toFloatArray())
                .containsExactly(
                        DdpmLoss.perSample(predicted, clean, noise, t, 2)
                                .bound()
                                .toFloatArray(),
                        within(1e-4f));
    }

    private static NDArray cut(NDArray image, int channels) {
        return image.transpose(0, 2, 3, 1).reshape(3, 9, channels);
    }

    @Test
    void aTimeNamesTheNearestStep() {
        NDArray times = manager.create(new float[] {0, 0.0004f, 0.0006f, 0.999f, 1});

        assertThat(DdpmLoss.steps(times).toFloatArray()).containsExactly(0, 0, 1, 999, 999);
    }

    @Test
    void everyTimeOfAStepNamesIt() {
        float[] times = new float[1000];
        float[] steps = new float[1000];
        for (int n = 0; n < 1000; n++) {
            times[n] = (float) (n / 1000.0);
            steps[n] = n;
        }

        assertThat(DdpmLoss.steps(manager.create(times)).toFloatArray()).isEqualTo(steps);
    }

    @Test
    void whatDoesNotFitIsRefused() {
        assertThatThrownBy(() -> DdpmLoss.perSample(clean, clean, noise, t, 2))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("2 x 2 channels for samples of (3, 2, 3, 3), but gave (3, 2, 3, 3)");
        assertThatThrownBy(() -> DdpmLoss.state(clean, noise, t.get("0:2"))).hasMessageContaining("one time for each");
        assertThatThrownBy(() -> DdpmLoss.state(clean, noise.get("0:2"), t)).hasMessageContaining("one shape");
    }

    private NDArray values(Shape shape, double scale) {
        float[] all = new float[(int) shape.size()];
        for (int i = 0; i < all.length; i++) {
            all[i] = (float) (scale * Math.sin(1 + 2.3 * i + scale));
        }
        return manager.create(all, shape);
    }

    private NDArray gradient(NDArray of, NDArray to) {
        return Autograd.gradients(of, new NDList(to), manager).singletonOrThrow();
    }

    private static double norm(NDArray of) {
        double sum = 0;
        for (float value : of.toFloatArray()) {
            sum += (double) value * value;
        }
        return Math.sqrt(sum);
    }
}
