package io.github.maskalign.core.sample;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler.SampleListener;
import io.github.maskalign.core.sample.SamplerConfig.DiffusionScale;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SamplerTest {
    private static final double EXACT = 1e-12; // float64, at most 20 steps on numbers near 1
    private static final double[] MEANS = {1.5, -0.7};
    private static final SampleRequest PAIRS = new SampleRequest(11, new long[] {0, 1, 1}, new Shape(2, 3, 1), 5);
    private static final SampleRequest LATENTS =
            new SampleRequest(4, new long[] {0, 1, 1, 0, 1, 0}, new Shape(2, 3, 3), 0);

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
    @CsvSource({
        "EULER, LINEAR, 1, 1, TWO_T",
        "EULER, COSINE, 2.5, 0, TWO_T",
        "HEUN, LINEAR, 1.8, 2.3, TWO_T",
        "HEUN, COSINE, 1, 3, TWO_T",
        "EULER_MARUYAMA, LINEAR, 2.3, 1.4, TWO_T",
        "EULER_MARUYAMA, LINEAR, 2.3, 0, SIGMA",
        "EULER_MARUYAMA, COSINE, 1.8, 2.3, SIGMA",
        "EULER_MARUYAMA, COSINE, 1, 1, TWO_T"
    })
    void pairsOfLatentAndClassTokenFollowTheScalarReference(
            SamplerMethod method, Interpolant path, double scale, double classScale, DiffusionScale diffusion) {
        SamplerConfig config = SamplerConfig.defaults()
                .withMethod(method, 20)
                .withGuidance(new Guidance(scale, classScale, 0.22, 0.83)) // between points of both grids
                .withDiffusion(0.06, diffusion);
        AnalyticVelocityField field = new AnalyticVelocityField(path, 0.3, MEANS);
        GivenNoise.Value noise = SamplerTest::wave;

        NDList sampled = new Sampler(config, path).sample(manager, field, PAIRS, new GivenNoise(noise));

        assertThat(sampled.getShapes()).containsExactly(new Shape(3, 2, 3, 1), new Shape(3, 5));
        for (int part = 0; part < 2; part++) {
            double[] values = sampled.get(part).toDoubleArray();
            int width = values.length / 3;
            for (int i = 0; i < values.length; i++) {
                long label = PAIRS.labels()[i / width];
                double expected = ScalarReference.sample(
                        config, path, field, label, part, noise, PAIRS.first() + i / width, i % width);
                assertThat(values[i]).isCloseTo(expected, within(EXACT));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"EULER", "HEUN", "EULER_MARUYAMA"}) // the others are of networks that predict noise
    void splittingABatchChangesNothing(SamplerMethod method) {
        Sampler sampler = guided(method, 7);
        NoiseSource noise = NoiseSource.of(new Draws(99));
        SampleRequest head = new SampleRequest(4, new long[] {0, 1}, new Shape(2, 3, 3), 0);
        SampleRequest tail = new SampleRequest(6, new long[] {1, 0, 1, 0}, new Shape(2, 3, 3), 0);

        NDArray whole = sampler.sample(manager, field(), LATENTS, noise).singletonOrThrow();
        NDArray a = sampler.sample(manager, field(), head, noise).singletonOrThrow();
        NDArray b = sampler.sample(manager, field(), tail, noise).singletonOrThrow();

        assertThat(a.concat(b).toDoubleArray()).isEqualTo(whole.toDoubleArray());
    }

    @Test
    void networkSeesFloat32AndRawTimesWhileTheStateIsFloat64() {
        AnalyticVelocityField field = field();

        NDList sampled = guided(SamplerMethod.EULER, 4).sample(manager, field, LATENTS, NoiseSource.of(new Draws(1)));

        assertThat(sampled.singletonOrThrow().getDataType()).isEqualTo(DataType.FLOAT64);
        assertThat(field.calls()).extracting(AnalyticVelocityField.Call::type).containsOnly(DataType.FLOAT32);
        assertThat(field.calls()).extracting(AnalyticVelocityField.Call::t).containsExactly(1.0, 0.75, 0.5, 0.25);
    }

    @Test
    void guidedCallsDoubleTheBatchInsideTheIntervalOnly() {
        AnalyticVelocityField field = field();
        SampleRequest request = new SampleRequest(0, new long[] {0, 1}, new Shape(1, 1, 1), 0);
        SamplerConfig config =
                SamplerConfig.defaults().withMethod(SamplerMethod.EULER, 4).withGuidance(new Guidance(2, 2, 0.5, 0.75));

        new Sampler(config, Interpolant.LINEAR).sample(manager, field, request, NoiseSource.of(new Draws(1)));

        assertThat(field.calls()).extracting(AnalyticVelocityField.Call::batch).containsExactly(2, 4, 4, 2);
        assertThat(field.calls().get(1).labels()).containsExactly(0L, 1L, 2L, 2L);
        assertThat(field.calls().get(3).labels()).containsExactly(0L, 1L);
    }

    @Test
    void heunDecidesBothCallsByTheStartOfTheStepAndEndsWithEuler() {
        AnalyticVelocityField field = field();
        SampleRequest request = new SampleRequest(0, new long[] {0}, new Shape(1, 1, 1), 0);
        SamplerConfig config =
                SamplerConfig.defaults().withMethod(SamplerMethod.HEUN, 4).withGuidance(new Guidance(2, 2, 0, 0.75));

        new Sampler(config, Interpolant.LINEAR).sample(manager, field, request, NoiseSource.of(new Draws(1)));

        assertThat(field.calls())
                .extracting(AnalyticVelocityField.Call::t)
                .containsExactly(1.0, 0.75, 0.75, 0.5, 0.5, 0.25, 0.25);
        assertThat(field.calls()).extracting(AnalyticVelocityField.Call::batch).containsExactly(1, 1, 2, 2, 2, 2, 2);
    }

    @Test
    void stochasticSamplerCallsTheFieldOncePerStep() {
        AnalyticVelocityField field = field();

        guided(SamplerMethod.EULER_MARUYAMA, 9).sample(manager, field, PAIRS, NoiseSource.of(new Draws(1)));

        assertThat(field.calls()).hasSize(9);
        assertThat(field.calls().get(8).t()).isCloseTo(0.04, within(1e-8)); // as float32
    }

    @Test
    void noiseIsAskedForBeforeTheFieldAndNotInTheLastStep() {
        List<String> order = new ArrayList<>();
        GivenNoise noise = new GivenNoise((part, step, picture, element) -> {
            order.add("noise " + part + " of " + step);
            return 0;
        });
        VelocityField field = new VelocityField() {
            @Override
            public NDList velocity(NDList state, NDArray t, NDArray labels) {
                order.add("field");
                return new NDList(state.get(0).mul(0), state.get(1).mul(0));
            }

            @Override
            public long nullLabel() {
                return 1;
            }
        };
        SampleRequest request = new SampleRequest(0, new long[] {0}, new Shape(1, 1, 1), 1);
        SamplerConfig config = SamplerConfig.defaults().withMethod(SamplerMethod.EULER_MARUYAMA, 3);

        new Sampler(config, Interpolant.LINEAR).sample(manager, field, request, noise);

        assertThat(order)
                .containsExactly(
                        "noise 0 of -1",
                        "noise 1 of -1",
                        "noise 0 of 0",
                        "noise 1 of 0",
                        "field",
                        "noise 0 of 1",
                        "noise 1 of 1",
                        "field",
                        "field");
    }

    @ParameterizedTest
    @CsvSource({"EULER, 7", "HEUN, 7", "EULER_MARUYAMA, 12"})
    void officialTimeAxisGivesTheSamePictures(SamplerMethod method, int steps) {
        AnalyticVelocityField field = field();
        SamplerConfig config = SamplerConfig.defaults().withMethod(method, steps);
        SampleRequest request = new SampleRequest(0, new long[] {1}, new Shape(1, 1, 1), 0);
        GivenNoise.Value noise = SamplerTest::wave;

        double sampled = new Sampler(config, Interpolant.LINEAR)
                .sample(manager, field, request, new GivenNoise(noise))
                .singletonOrThrow()
                .toDoubleArray()[0];

        // data at 1, noise at 0: t → 1 - t, v → -v
        ScalarReference.Velocity flipped = (x, t) -> -field.velocity(x, 1 - t, 1);
        assertThat(sampled)
                .isCloseTo(ScalarReference.sampleOnTheOfficialAxis(method, steps, flipped, noise), within(EXACT));
    }

    @ParameterizedTest
    @EnumSource(names = {"EULER", "HEUN", "EULER_MARUYAMA"})
    void nothingButTheResultStaysBehind(SamplerMethod method) {
        List<Integer> counts = new ArrayList<>();
        SampleListener count =
                (done, total, t) -> counts.add(manager.getManagedArrays().size()); // with those of all managers below

        NDList sampled = guided(method, 12).sample(manager, field(), PAIRS, NoiseSource.of(new Draws(5)), count);

        assertThat(counts).hasSize(12).containsOnly(4); // labels, once and doubled, and the state
        assertThat(manager.getManagedArrays()).hasSize(2).containsAll(sampled);
    }

    @Test
    void arraysAreFreedWhenTheListenerStopsTheSampling() {
        SampleListener stop = (done, total, t) -> {
            if (done == 2) {
                throw new IllegalStateException("enough");
            }
        };

        assertThatThrownBy(() -> guided(SamplerMethod.HEUN, 5)
                        .sample(manager, field(), PAIRS, NoiseSource.of(new Draws(5)), stop))
                .hasMessage("enough");
        assertThat(manager.getManagedArrays()).isEmpty();
    }

    @Test
    void listenerHearsOfEachStep() {
        List<String> heard = new ArrayList<>();

        guided(SamplerMethod.EULER, 2)
                .sample(
                        manager,
                        field(),
                        PAIRS,
                        NoiseSource.of(new Draws(5)),
                        (done, total, t) -> heard.add(done + "/" + total + " " + t));

        assertThat(heard).containsExactly("1/2 0.5", "2/2 0.0");
    }

    @Test
    void fieldsThatKeepTheirResultsElsewhereDoNotLeak() {
        NDManager elsewhere = manager.newSubManager();
        VelocityField field = new VelocityField() {
            @Override
            public NDList velocity(NDList state, NDArray t, NDArray labels) {
                return new NDList(elsewhere.zeros(state.get(0).getShape()));
            }

            @Override
            public long nullLabel() {
                return 2;
            }
        };

        guided(SamplerMethod.EULER, 5).sample(manager, field, LATENTS, NoiseSource.of(new Draws(5)));

        assertThat(elsewhere.getManagedArrays()).isEmpty();
    }

    @Test
    void velocityOfAnotherShapeIsNamed() {
        VelocityField field = new VelocityField() {
            @Override
            public NDList velocity(NDList state, NDArray t, NDArray labels) {
                return new NDList(state.get(0).get("0:1"));
            }

            @Override
            public long nullLabel() {
                return 2;
            }
        };

        assertThatIllegalStateException()
                .isThrownBy(() ->
                        guided(SamplerMethod.EULER, 5).sample(manager, field, LATENTS, NoiseSource.of(new Draws(5))))
                .withMessageContaining("(6, 2, 3, 3)")
                .withMessageContaining("(1, 2, 3, 3)");
    }

    private static AnalyticVelocityField field() {
        return new AnalyticVelocityField(Interpolant.LINEAR, 0.3, MEANS);
    }

    private static Sampler guided(SamplerMethod method, int steps) {
        SamplerConfig config =
                SamplerConfig.defaults().withMethod(method, steps).withGuidance(new Guidance(2.3, 1.5, 0.1, 0.7));
        return new Sampler(config, Interpolant.LINEAR);
    }

    /** Some number of the size of a normal one. */
    static double wave(int part, int step, long picture, int element) {
        return 1.4 * Math.sin(1.7 * part + 2.9 * step + 5.3 * picture + 0.61 * element + 1);
    }
}
