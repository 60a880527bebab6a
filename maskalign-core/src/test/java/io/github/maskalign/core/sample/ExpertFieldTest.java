package io.github.maskalign.core.sample;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.sample.ExpertField.Expert;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Networks that share the times. */
class ExpertFieldTest {
    private static final SampleRequest REQUEST = new SampleRequest(3, new long[] {1, 0}, new Shape(2, 3, 3), 0);

    /** Pulls towards a number of its own, and keeps the times at which it was asked. */
    private record Pulling(double to, boolean noisy, List<Float> asked) implements VelocityField {
        @Override
        public NDList velocity(NDList state, NDArray t, NDArray labels) {
            asked.add(t.getFloat(0));
            return new NDList(state.get(0).sub(to));
        }

        @Override
        public Optional<NoiseField> noise() {
            return noisy
                    ? Optional.of((state, t, labels) -> {
                        asked.add(t.getFloat(0));
                        return new NDList(state.sub(to), state.mul(0.5));
                    })
                    : Optional.empty();
        }

        @Override
        public long nullLabel() {
            return 2;
        }
    }

    private static Pulling pulling(double to) {
        return new Pulling(to, false, new ArrayList<>());
    }

    @ParameterizedTest
    @EnumSource(
            value = SamplerMethod.class,
            names = {"EULER", "HEUN", "EULER_MARUYAMA"})
    void samplingWithExpertsIsSwitchingByHand(SamplerMethod method) {
        Pulling clean = pulling(0.3);
        Pulling noisy = pulling(-2);
        VelocityField experts = new ExpertField(List.of(new Expert(0.45, 1, noisy), new Expert(0, 0.45, clean)));
        VelocityField byHand = new VelocityField() {
            @Override
            public NDList velocity(NDList state, NDArray t, NDArray labels) {
                double to = t.getFloat(0) < 0.45f ? 0.3 : -2;
                return new NDList(state.get(0).sub(to));
            }

            @Override
            public long nullLabel() {
                return 2;
            }
        };
        SamplerConfig config = SamplerConfig.defaults().withMethod(method, 10).withGuidance(new Guidance(2, 2, 0, 1));

        assertThat(sample(config, experts)).isEqualTo(sample(config, byHand));
        assertThat(clean.asked).isNotEmpty().allMatch(t -> t < 0.45f);
        assertThat(noisy.asked).isNotEmpty().allMatch(t -> t >= 0.45f);
    }

    @Test
    void expertsOfNoiseShareTheStepsOfTheChain() {
        Pulling clean = new Pulling(0.3, true, new ArrayList<>());
        Pulling noisy = new Pulling(-2, true, new ArrayList<>());
        VelocityField experts = new ExpertField(List.of(new Expert(0, 0.5, clean), new Expert(0.5, 1, noisy)));

        sample(SamplerConfig.defaults().withMethod(SamplerMethod.DDIM, 4), experts);

        assertThat(noisy.asked).containsExactly(0.75f, 0.5f);
        assertThat(clean.asked).containsExactly(0.25f, 0f);
    }

    private static double[] sample(SamplerConfig config, VelocityField field) {
        try (NDManager manager = NDManager.newBaseManager()) {
            return new Sampler(config, Interpolant.LINEAR)
                    .sample(manager, field, REQUEST, NoiseSource.of(new Draws(5)))
                    .singletonOrThrow()
                    .toType(DataType.FLOAT64, false)
                    .toDoubleArray();
        }
    }

    @Test
    void timesMustBeCoveredOnce() {
        VelocityField field = pulling(0);
        assertThatThrownBy(() -> new ExpertField(List.of(new Expert(0, 0.5, field))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no expert has the times from 0.5 to 1.0");
        assertThatThrownBy(() -> new ExpertField(List.of(new Expert(0.6, 1, field), new Expert(0, 0.5, field))))
                .hasMessage("no expert has the times from 0.5 to 0.6");
        assertThatThrownBy(() -> new ExpertField(List.of(new Expert(0, 0.7, field), new Expert(0.6, 1, field))))
                .hasMessage("two experts have the times from 0.6 to 0.7: they must not overlap");
        assertThatThrownBy(() -> new Expert(0.5, 0.5, field)).hasMessageContaining("0 <= low < high <= 1");
        assertThatThrownBy(() -> new ExpertField(List.of(
                        new Expert(0, 0.5, field), new Expert(0.5, 1, new Pulling(1, true, new ArrayList<>())))))
                .hasMessageContaining("predict the same");
        assertThatThrownBy(() -> new ExpertField(List.of())).hasMessageContaining("no expert has the times from 0.0");
    }

    @Test
    void theEndOfARangeIsTheNextExperts() {
        Pulling clean = pulling(0);
        Pulling noisy = pulling(1);
        ExpertField experts = new ExpertField(List.of(new Expert(0, 0.7, clean), new Expert(0.7, 1, noisy)));

        assertThat(experts.at(0)).isSameAs(clean);
        assertThat(experts.at(0.69)).isSameAs(clean);
        assertThat(experts.at(0.7)).isSameAs(noisy);
        assertThat(experts.at(0.7f)).isSameAs(noisy);
        assertThat(experts.at(1)).isSameAs(noisy);
    }
}
