package io.github.maskalign.core.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.within;

import io.github.maskalign.core.diffusion.DiffusionConfig.TimestepSampler;
import io.github.maskalign.core.random.Draws;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TimestepSamplerTest {
    private static final Draws DRAWS = new Draws(20260);
    private static final int MANY = 20_000;
    private static final double SIX_SIGMA = 6 / Math.sqrt(MANY); // of the mean of unit-variance numbers

    @Test
    void uniformTimesFillTheUnitInterval() {
        float[] t = TimestepSampler.UNIFORM.draw(DRAWS, Interpolant.LINEAR, 0, MANY);

        assertThat(mean(t)).isCloseTo(0.5, within(SIX_SIGMA * 0.29)); // sd 0.2887
        assertThat(variance(t)).isCloseTo(1.0 / 12, within(SIX_SIGMA * 0.08)); // sd of (t-½)² is 0.0745
        assertThat(inUnitInterval(t)).isTrue();
    }

    @Test
    void lognormalTimesOfTheLinearPathAreSigmoidsOfANormal() {
        float[] t = TimestepSampler.LOGNORMAL.draw(DRAWS, Interpolant.LINEAR, 0, MANY);

        float[] logit = new float[MANY];
        for (int i = 0; i < MANY; i++) {
            logit[i] = (float) Math.log(t[i] / (1.0 - t[i]));
        }

        assertThat(mean(logit)).isCloseTo(0, within(SIX_SIGMA));
        assertThat(variance(logit)).isCloseTo(1, within(SIX_SIGMA * 1.5)); // sd of n² is 1.41
        assertThat(inUnitInterval(t)).isTrue();
    }

    @Test
    void bothPathsGetTheSameRatioOfNoiseToData() {
        float[] linear = TimestepSampler.LOGNORMAL.draw(DRAWS, Interpolant.LINEAR, 5, 101);
        float[] cosine = TimestepSampler.LOGNORMAL.draw(DRAWS, Interpolant.COSINE, 5, 101);

        for (int i = 0; i < linear.length; i++) {
            double a = Interpolant.LINEAR.sigma(linear[i]) / Interpolant.LINEAR.alpha(linear[i]);
            double b = Interpolant.COSINE.sigma(cosine[i]) / Interpolant.COSINE.alpha(cosine[i]);
            assertThat(b / a).isCloseTo(1, within(1e-5)); // float32 times, ratios up to e^4
        }
    }

    @ParameterizedTest
    @EnumSource
    void splittingABatchChangesNothing(TimestepSampler sampler) {
        float[] whole = sampler.draw(DRAWS, Interpolant.COSINE, 70, 7);
        float[] head = sampler.draw(DRAWS, Interpolant.COSINE, 70, 3);
        float[] tail = sampler.draw(DRAWS, Interpolant.COSINE, 73, 4);

        assertThat(head).isEqualTo(Arrays.copyOfRange(whole, 0, 3));
        assertThat(tail).isEqualTo(Arrays.copyOfRange(whole, 3, 7));
    }

    @Test
    void defaultsAreLinearAndUniform() {
        assertThat(DiffusionConfig.defaults())
                .isEqualTo(new DiffusionConfig(Interpolant.LINEAR, TimestepSampler.UNIFORM));
    }

    @Test
    @SuppressWarnings("NullAway") // the point of the test
    void absentPathIsNamed() {
        assertThatNullPointerException()
                .isThrownBy(() -> new DiffusionConfig(null, TimestepSampler.UNIFORM))
                .withMessage("path must be given");
    }

    private static boolean inUnitInterval(float[] t) {
        for (float v : t) {
            if (!(v >= 0 && v < 1)) {
                return false;
            }
        }
        return true;
    }

    private static double mean(float[] values) {
        double sum = 0;
        for (float v : values) {
            sum += v;
        }
        return sum / values.length;
    }

    private static double variance(float[] values) {
        double mean = mean(values);
        double sum = 0;
        for (float v : values) {
            sum += (v - mean) * (v - mean);
        }
        return sum / values.length;
    }

    @Test
    void shiftMovesTimesTowardsNoise() {
        Draws draws = new Draws(3);
        float[] plain = DiffusionConfig.defaults().draw(draws, Interpolant.LINEAR, 4096, 5, 7);
        float[] given = new DiffusionConfig(Interpolant.LINEAR, TimestepSampler.UNIFORM, 3)
                .draw(draws, Interpolant.LINEAR, 4096, 5, 7);
        DiffusionConfig byDimension = new DiffusionConfig(Interpolant.LINEAR, TimestepSampler.UNIFORM, 0);

        assertThat(plain).isEqualTo(TimestepSampler.UNIFORM.draw(draws, Interpolant.LINEAR, 5, 7));
        for (int i = 0; i < plain.length; i++) {
            assertThat(given[i]).isEqualTo((float) (3.0 * plain[i] / (1 + 2.0 * plain[i])));
        }
        assertThat(byDimension.draw(draws, Interpolant.LINEAR, 9 * 4096, 5, 7)).isEqualTo(given); // sqrt(9) = 3
        assertThat(byDimension.draw(draws, Interpolant.LINEAR, 4096, 5, 7)).isEqualTo(plain);
    }
}
