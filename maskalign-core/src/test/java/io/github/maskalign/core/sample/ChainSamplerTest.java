package io.github.maskalign.core.sample;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.diffusion.NoiseSchedule;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.sample.Guidance.Unconditional;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The ways back on DDPM's chain. */
class ChainSamplerTest {
    private static final SampleRequest REQUEST = new SampleRequest(0, new long[] {1, 0}, new Shape(4, 2, 2), 0);
    private static final SamplerConfig DDIM = SamplerConfig.defaults().withMethod(SamplerMethod.DDIM, 50);
    private static final SamplerConfig DDPM = SamplerConfig.defaults().withMethod(SamplerMethod.DDPM, 50);

    /** The exact noise of data N(0, v): ε̂ = σ x / (ᾱ v + 1 − ᾱ); variance share 0, or what labels say for guidance. */
    private record Gaussian(double variance, List<Long> sizes) implements VelocityField {
        @Override
        public NDList velocity(NDList state, NDArray t, NDArray labels) {
            throw new AssertionError("a sampler of the chain asks for noise");
        }

        @Override
        public Optional<NoiseField> noise() {
            return Optional.of((state, t, labels) -> {
                sizes.add(labels.size());
                NoiseSchedule whole = NoiseSchedule.whole();
                double bar = whole.alphaBar(
                        Math.round(t.toType(DataType.FLOAT32, false).getFloat(0) * 1000));
                NDArray eps = state.mul(Math.sqrt(1 - bar) / (bar * variance + 1 - bar));
                NDArray own = labels.duplicate();
                own.attach(state.getManager()); // what is made of it is freed with the step
                NDArray shift = own.toType(state.getDataType(), false).reshape(-1, 1, 1, 1); // of the label
                return new NDList(eps.add(shift.mul(0.01)), state.zerosLike().sub(1));
            });
        }

        @Override
        public long nullLabel() {
            return 2;
        }
    }

    private static Gaussian gaussian(double variance) {
        return new Gaussian(variance, new ArrayList<>());
    }

    @Test
    void ddimWithoutNoiseNearsTheExactEndOfItsFlow() {
        // exact: from x_T = z to x_0 = √v z / √(ᾱ_T v + 1 − ᾱ_T)
        double last = NoiseSchedule.whole().alphaBar(990);
        double exact = Math.sqrt(0.25 / (last * 0.25 + 1 - last));
        SamplerConfig fine = SamplerConfig.defaults().withMethod(SamplerMethod.DDIM, 100);
        SampleRequest zeros = new SampleRequest(0, new long[] {0, 0}, REQUEST.latentShape(), 0);

        double[] end = sample(fine, gaussian(0.25), zeros, new GivenNoise((part, step, picture, element) -> 1));

        assertThat(end[0]).isCloseTo(exact, within(0.02));
    }

    @Test
    void noiseIsDrawnForEachStepButTheLastOfDdpmAndNoneOfDdim() {
        List<Integer> drawn = new ArrayList<>();
        GivenNoise noise = new GivenNoise((part, step, picture, element) -> {
            if (picture == 0 && element == 0 && step >= 0) {
                drawn.add(step);
            }
            return 0.1;
        });
        sample(DDPM.withMethod(SamplerMethod.DDPM, 4), gaussian(1), REQUEST, noise);
        assertThat(drawn).containsExactly(0, 1, 2);
        drawn.clear();
        sample(DDIM.withMethod(SamplerMethod.DDIM, 4), gaussian(1), REQUEST, noise);
        assertThat(drawn).isEmpty();
        sample(DDIM.withMethod(SamplerMethod.DDIM, 4).withEta(0.3), gaussian(1), REQUEST, noise);
        assertThat(drawn).containsExactly(0, 1, 2);
    }

    @Test
    void ddpmKeepsTheVarianceOfItsData() {
        // data N(0, 1): every state has variance 1, and the posterior variance of the whole chain is nearly that of the
        // way back
        SampleRequest many = new SampleRequest(0, new long[512], new Shape(4, 2, 2), 0);
        SamplerConfig fine = SamplerConfig.defaults().withMethod(SamplerMethod.DDPM, 250);

        double[] end = sample(fine, gaussian(1), many, NoiseSource.of(new Draws(3)));

        double variance = Arrays.stream(end).map(v -> v * v).average().orElseThrow();
        assertThat(variance)
                .isCloseTo(1, within(0.08)); // 8192 numbers: 0.016; the smallest variance of 250 steps is too small
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3})
    void guidanceActsOnTheNoiseOfItsChannelsInItsInterval(int channels) {
        Gaussian field = gaussian(0.5);
        SamplerConfig guided =
                DDIM.withMethod(SamplerMethod.DDIM, 4).withGuidance(new Guidance(3, 3, 0.5, 1, channels));

        double[] end = sample(guided, field, REQUEST, NoiseSource.of(new Draws(1)));
        double[] plain = sample(DDIM.withMethod(SamplerMethod.DDIM, 4), field, REQUEST, NoiseSource.of(new Draws(1)));

        assertThat(field.sizes.subList(0, 4)).containsExactly(4L, 4L, 2L, 2L); // t = 0.75, 0.5, 0.25, 0
        for (int i = 0; i < end.length; i++) {
            boolean acts = channels == 0 || i / 4 % 4 < channels;
            assertThat(Math.abs(end[i] - plain[i]) > 1e-6).as("value %d", i).isEqualTo(acts);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"DDPM", "DDIM"})
    void splittingABatchChangesNothing(SamplerMethod method) {
        SamplerConfig how = DDIM.withMethod(method, 5).withEta(0.5).withGuidance(new Guidance(2, 2, 0, 0.8));
        NoiseSource noise = NoiseSource.of(new Draws(99));
        Shape latent = new Shape(2, 3, 3);

        double[] whole = sample(how, gaussian(0.5), new SampleRequest(4, new long[] {0, 1, 1}, latent, 0), noise);
        double[] head = sample(how, gaussian(0.5), new SampleRequest(4, new long[] {0}, latent, 0), noise);
        double[] tail = sample(how, gaussian(0.5), new SampleRequest(5, new long[] {1, 1}, latent, 0), noise);

        assertThat(DoubleStream.concat(DoubleStream.of(head), DoubleStream.of(tail))
                        .toArray())
                .isEqualTo(whole);
    }

    @ParameterizedTest
    @EnumSource(names = {"DDPM", "DDIM"})
    void nothingButTheResultStaysBehind(SamplerMethod method) {
        List<Integer> counts = new ArrayList<>();
        SamplerConfig how = DDIM.withMethod(method, 8).withEta(0.5).withGuidance(new Guidance(2, 2, 0, 1));
        try (NDManager manager = NDManager.newBaseManager()) {
            NDList sampled = new Sampler(how, Interpolant.LINEAR)
                    .sample(
                            manager,
                            gaussian(1),
                            REQUEST,
                            NoiseSource.of(new Draws(5)),
                            (done, total, t) ->
                                    counts.add(manager.getManagedArrays().size()));

            assertThat(counts).hasSize(8).containsOnly(3); // labels, once and doubled, and the state
            assertThat(manager.getManagedArrays()).hasSize(1).containsAll(sampled);
        }
    }

    @Test
    void samplersAndNetworksOfTwoProcessesDoNotMix() {
        assertThatThrownBy(() -> sample(SamplerConfig.defaults(), gaussian(1), REQUEST, NoiseSource.of(new Draws(1))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "method must be DDPM or DDIM for a network of diffusion.process DDPM, which predicts the noise of single"
                                + " steps, but was EULER_MARUYAMA");
        assertThatThrownBy(() -> sample(
                        DDPM, new AnalyticVelocityField(Interpolant.LINEAR, 1), REQUEST, NoiseSource.of(new Draws(1))))
                .hasMessageContaining("must be EULER, HEUN or EULER_MARUYAMA for a network of diffusion.process FLOW");
        SampleRequest token = new SampleRequest(0, new long[] {0}, new Shape(1, 1, 1), 3);
        assertThatThrownBy(() -> sample(DDPM, gaussian(1), token, NoiseSource.of(new Draws(1))))
                .hasMessageContaining("no class token to sample along");
        SamplerConfig dropped = DDPM.withGuidance(DDPM.guidance().withUnconditional(Unconditional.PATH_DROP));
        assertThatThrownBy(() -> sample(dropped, gaussian(1), REQUEST, NoiseSource.of(new Draws(1))))
                .hasMessageContaining("PATH_DROP");
    }

    @Test
    void stepsAndEtaAreChecked() {
        assertThatThrownBy(() -> DDIM.withMethod(SamplerMethod.DDIM, 60)).hasMessageContaining("such as 59 or 63");
        assertThatThrownBy(() -> DDPM.withMethod(SamplerMethod.DDPM, 1)).hasMessageContaining("[2, 1000]");
        assertThatThrownBy(() -> DDIM.withEta(1.5)).hasMessage("eta must be in [0, 1] but was 1.5");
        assertThat(DDIM.withEta(0.5).withMethod(SamplerMethod.DDIM, 10).eta()).isEqualTo(0.5);
    }

    @Test
    void timesAreThoseOfTheSteps() {
        assertThat(new Sampler(DDPM.withMethod(SamplerMethod.DDPM, 3), Interpolant.LINEAR).times())
                .containsExactly(0.999, 0.5, 0, 0); // 499.5 rounds to the even 500
        assertThat(new Sampler(DDIM.withMethod(SamplerMethod.DDIM, 4), Interpolant.LINEAR).times())
                .containsExactly(0.75, 0.5, 0.25, 0, 0);
    }

    @Test
    void anEtaOfNothingIsNoPartOfTheWordsThatFingerprintsHold() {
        assertThat(SamplerConfig.defaults().toString())
                .isEqualTo(
                        "SamplerConfig[method=EULER_MARUYAMA, steps=250, cfgScale=1.0, classCfgScale=1.0, intervalLow=0.0,"
                                + " intervalHigh=1.0, lastStep=0.04, diffusion=TWO_T, legacyGuidedChannels=0,"
                                + " unconditional=NULL_LABEL, routes=Routes[routeRatio=0.3, weakRouteRatio=0.7]]");
        assertThat(DDIM.withEta(0.5).toString()).endsWith(", eta=0.5]");
    }

    private static double[] sample(
            SamplerConfig config, VelocityField field, SampleRequest request, NoiseSource noise) {
        try (NDManager manager = NDManager.newBaseManager()) {
            return new Sampler(config, Interpolant.LINEAR)
                    .sample(manager, field, request, noise)
                    .singletonOrThrow()
                    .toDoubleArray();
        }
    }
}
