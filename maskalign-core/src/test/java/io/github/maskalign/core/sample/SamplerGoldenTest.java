package io.github.maskalign.core.sample;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Numbers of the reference samplers on data N(0, 0.25), computed outside of this project in float64. */
@Tag("bits")
@Tag("device")
class SamplerGoldenTest {
    private static final double EXACT = 1e-14; // float64, 250 steps that shrink the state

    @ParameterizedTest
    @CsvSource({
        "EULER, 2, 0.2",
        "EULER, 10, 0.43078260489862324",
        "EULER, 50, 0.48539673827018803",
        "EULER, 250, 0.49704524345430595",
        "HEUN, 2, 0.24",
        "HEUN, 10, 0.49081295758154075",
        "HEUN, 50, 0.4996809049896468",
        "HEUN, 250, 0.4999876467051358",
        "EULER_MARUYAMA, 10, 0.09717694762537078",
        "EULER_MARUYAMA, 50, 0.14139780902090138",
        "EULER_MARUYAMA, 250, 0.15002315399566732"
    })
    void stateIsMultipliedByThePublishedNumber(SamplerMethod method, int steps, double expected) {
        GivenNoise noise = new GivenNoise((part, step, picture, element) -> step < 0 ? 1 : 0);

        assertThat(sample(method, steps, 1, noise)).containsExactly(new double[] {expected}, within(EXACT));
    }

    @ParameterizedTest
    @CsvSource({"10, 0.2351044887539481", "50, 0.2421178174601708", "250, 0.2443751064750625"})
    void eulerMaruyamaEndsWithThePublishedVariance(int steps, double expected) {
        // One picture for each of the S independent numbers of a trajectory: the sampler is linear in them.
        GivenNoise unit = new GivenNoise((part, step, picture, element) -> picture == step + 1 ? 1 : 0);

        double[] response = sample(SamplerMethod.EULER_MARUYAMA, steps, steps, unit);

        assertThat(Arrays.stream(response).map(r -> r * r).sum()).isCloseTo(expected, within(EXACT));
    }

    @Test
    void timesOf250StepsAreThePublishedOnes() {
        double[] times = new Sampler(SamplerConfig.defaults(), Interpolant.LINEAR).times();

        assertThat(times).hasSize(251);
        assertThat(times[0]).isEqualTo(1);
        assertThat(times[1]).isEqualTo(0.996144578313253);
        assertThat(times[124]).isEqualTo(0.5219277108433735);
        assertThat(times[248]).isCloseTo(0.043855421686747, within(5e-16)); // fifteen decimals are given
        assertThat(times[249]).isEqualTo(0.04);
        assertThat(times[250]).isEqualTo(0);
    }

    private static double[] sample(SamplerMethod method, int steps, int pictures, NoiseSource noise) {
        Sampler sampler = new Sampler(SamplerConfig.defaults().withMethod(method, steps), Interpolant.LINEAR);
        SampleRequest request = new SampleRequest(0, new long[pictures], new Shape(1, 1, 1), 0);
        try (NDManager manager = NDManager.newBaseManager()) {
            return sampler.sample(manager, new AnalyticVelocityField(Interpolant.LINEAR, 0.25), request, noise)
                    .singletonOrThrow()
                    .toDoubleArray();
        }
    }
}
