package io.github.maskalign.core.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.DiffusionConfig.TimestepSampler;
import io.github.maskalign.core.random.Draws;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Steps of DDPM's chain and times of a range, as training draws them. */
class ProcessTest {
    private static final Draws DRAWS = new Draws(7);
    private static final int ROWS = 20_000;

    @Test
    void ddpmDrawsEachOfItsStepsAlike() {
        float[] t = draw(DiffusionConfig.ddpm());

        int[] tenths = new int[10];
        float[] free = draw(DiffusionConfig.defaults());
        for (int i = 0; i < ROWS; i++) {
            int step = Math.round(t[i] * 1000);
            assertThat(t[i]).isEqualTo((float) (step / 1000.0));
            assertThat(step).isEqualTo((int) ((double) free[i] * 1000)); // of the same random number
            tenths[step / 100]++;
        }
        for (int count : tenths) {
            assertThat(count).isCloseTo(ROWS / 10, within(200)); // 4.7 standard deviations
        }
    }

    @Test
    void aRangeOfDdpmHoldsItsStepsAlone() {
        float[] t = draw(DiffusionConfig.ddpm().withRange(0.2, 0.203));

        assertThat(t).containsOnly(0.2f, 0.201f, 0.202f);
    }

    @ParameterizedTest
    @CsvSource({"0.5, 1.0, 1.0", "0.0, 0.5, 1.0", "0.2, 0.7, 1.0", "0.25, 0.75, 3.0"})
    void aRangeHasTheTimesThatWouldHaveBeenDrawnThere(double low, double high, double shift) {
        DiffusionConfig all = new DiffusionConfig(Interpolant.LINEAR, TimestepSampler.UNIFORM, shift);

        float[] t = draw(all.withRange(low, high));

        double sum = 0;
        int count = 0;
        for (float free : draw(all)) {
            if (free >= low && free < high) {
                sum += free;
                count++;
            }
        }
        double mean = 0;
        for (float time : t) {
            assertThat(time).isBetween((float) low, (float) high).isLessThan((float) high);
            mean += time / ROWS;
        }
        assertThat(mean).isCloseTo(sum / count, within(0.01)); // means of thousands of times
    }

    @Test
    void theRangeOfAllTimesChangesNoBit() {
        assertThat(draw(DiffusionConfig.defaults().withRange(0, 1))).isEqualTo(draw(DiffusionConfig.defaults()));
        assertThat(DiffusionConfig.defaults().hasRange()).isFalse();
        assertThat(DiffusionConfig.defaults().withRange(0, 0.5).hasRange()).isTrue();
    }

    @Test
    void whatHasNoPlaceIsRefused() {
        DiffusionConfig all = DiffusionConfig.defaults();
        assertThatThrownBy(() -> all.withRange(0.5, 0.5))
                .hasMessage("tRange must be two rising numbers in [0, 1], such as [0.5, 1.0], but was [0.5, 0.5]");
        assertThatThrownBy(() ->
                        new DiffusionConfig(Interpolant.LINEAR, TimestepSampler.UNIFORM, 1, Process.FLOW, List.of(0.5)))
                .hasMessageContaining("tRange must be two rising numbers");
        assertThatThrownBy(() -> new DiffusionConfig(
                        Interpolant.LINEAR, TimestepSampler.LOGNORMAL, 1, Process.FLOW, List.of(0.0, 0.5)))
                .hasMessageContaining("tRange goes with timesteps UNIFORM, but they were LOGNORMAL");
        assertThatThrownBy(() -> new DiffusionConfig(
                        Interpolant.COSINE, TimestepSampler.UNIFORM, 1, Process.DDPM, List.of(0.0, 1.0)))
                .hasMessageContaining(
                        "path must be left LINEAR, timesteps UNIFORM and timeShift 1.0, but they were COSINE");
        assertThatThrownBy(() -> DiffusionConfig.ddpm().withRange(0.5001, 0.5002))
                .hasMessageContaining("tRange must hold a step of DDPM's 1000");
    }

    private static float[] draw(DiffusionConfig config) {
        return config.draw(DRAWS, config.path(), 4096, 11, ROWS);
    }
}
