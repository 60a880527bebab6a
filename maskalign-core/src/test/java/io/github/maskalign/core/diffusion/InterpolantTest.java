package io.github.maskalign.core.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class InterpolantTest {
    private static final double EXACT = 1e-14; // float64, a handful of operations on numbers near 1
    private static final double[] TIMES = {0.07, 0.4, 0.93};
    private static final Shape SAMPLES = new Shape(3, 2, 5, 1);

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
    void cosinePathHasThePublishedValues() {
        Interpolant path = Interpolant.COSINE;

        // ten digits are given
        assertThat(path.alpha(0.25)).isCloseTo(0.9238795325, within(5e-11));
        assertThat(path.sigma(0.25)).isCloseTo(0.3826834324, within(5e-11));
        assertThat(path.alphaPrime(0.25)).isCloseTo(-0.6011177299, within(5e-11));
        assertThat(path.sigmaPrime(0.25)).isCloseTo(1.4512265761, within(5e-11));
    }

    @ParameterizedTest
    @EnumSource
    void pathRunsFromDataToNoise(Interpolant path) {
        assertThat(path.alpha(0)).isEqualTo(1);
        assertThat(path.sigma(0)).isEqualTo(0);
        assertThat(path.alpha(1)).isCloseTo(0, within(1e-16)); // cos of the double nearest π/2
        assertThat(path.sigma(1)).isEqualTo(1);
    }

    @ParameterizedTest
    @EnumSource
    void primesAreTheDerivatives(Interpolant path) {
        double h = 1e-5;
        for (double t : TIMES) {
            double alpha = (path.alpha(t + h) - path.alpha(t - h)) / (2 * h);
            double sigma = (path.sigma(t + h) - path.sigma(t - h)) / (2 * h);

            // central difference: h² times a third derivative below 4
            assertThat(path.alphaPrime(t)).isCloseTo(alpha, within(1e-9));
            assertThat(path.sigmaPrime(t)).isCloseTo(sigma, within(1e-9));
        }
    }

    @ParameterizedTest
    @EnumSource
    void arrayFunctionsEqualTheDoubleOnes(Interpolant path) {
        NDArray t = manager.create(TIMES);
        NDArray one = t.onesLike();
        NDArray zero = t.zerosLike();

        double[][] arrays = {
            path.interpolate(one, zero, t).toDoubleArray(),
            path.interpolate(zero, one, t).toDoubleArray(),
            path.velocityTarget(one, zero, t).toDoubleArray(),
            path.velocityTarget(zero, one, t).toDoubleArray()
        };

        for (int i = 0; i < TIMES.length; i++) {
            double[] expected = {
                path.alpha(TIMES[i]), path.sigma(TIMES[i]), path.alphaPrime(TIMES[i]), path.sigmaPrime(TIMES[i])
            };
            for (int k = 0; k < expected.length; k++) {
                assertThat(arrays[k][i]).isCloseTo(expected[k], within(EXACT));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void stateAndTargetFollowTheirDefinition(Interpolant path) {
        double[] x = normal(1);
        double[] eps = normal(2);

        double[] state = path.interpolate(samples(x), samples(eps), times()).toDoubleArray();
        double[] target = path.velocityTarget(samples(x), samples(eps), times()).toDoubleArray();

        for (int i = 0; i < x.length; i++) {
            double t = TIMES[i / 10];
            assertThat(state[i]).isCloseTo(path.alpha(t) * x[i] + path.sigma(t) * eps[i], within(EXACT));
            assertThat(target[i]).isCloseTo(path.alphaPrime(t) * x[i] + path.sigmaPrime(t) * eps[i], within(EXACT));
        }
    }

    @Test
    void linearTargetIsTheDifferenceToTheBit() {
        NDArray x = samples(normal(1)).toType(DataType.FLOAT32, true);
        NDArray eps = samples(normal(2)).toType(DataType.FLOAT32, true);
        NDArray t = times().toType(DataType.FLOAT32, true);

        NDArray target = Interpolant.LINEAR.velocityTarget(x, eps, t);

        assertThat(target.getDataType()).isEqualTo(DataType.FLOAT32);
        assertThat(target.toFloatArray()).isEqualTo(eps.sub(x).toFloatArray());
    }

    @ParameterizedTest
    @EnumSource
    void velocityGivesBackDataAndNoise(Interpolant path) {
        NDArray x = samples(normal(3));
        NDArray eps = samples(normal(4));
        NDArray state = path.interpolate(x, eps, times());
        NDArray velocity = path.velocityTarget(x, eps, times());

        assertClose(path.clean(velocity, state, times()), x.toDoubleArray(), EXACT);
        assertClose(path.noise(velocity, state, times()), eps.toDoubleArray(), EXACT);
    }

    @Test
    void linearConversionsHaveTheirShortForms() {
        double[] v = normal(5);
        double[] x = normal(6);

        double[] clean =
                Interpolant.LINEAR.clean(samples(v), samples(x), times()).toDoubleArray();
        double[] noise =
                Interpolant.LINEAR.noise(samples(v), samples(x), times()).toDoubleArray();
        double[] score =
                Interpolant.LINEAR.score(samples(v), samples(x), times()).toDoubleArray();

        for (int i = 0; i < v.length; i++) {
            double t = TIMES[i / 10];
            assertThat(clean[i]).isCloseTo(x[i] - t * v[i], within(EXACT));
            assertThat(noise[i]).isCloseTo(x[i] + (1 - t) * v[i], within(EXACT));
            // 1e-12: the division by t = 0.07 magnifies
            assertThat(score[i]).isCloseTo(-((1 - t) * v[i] + x[i]) / t, within(1e-12));
        }
    }

    @ParameterizedTest
    @EnumSource
    void scoreEqualsTheFormOfTheReferenceSampler(Interpolant path) {
        double[] v = normal(7);
        double[] x = normal(8);

        double[] score = path.score(samples(v), samples(x), times()).toDoubleArray();

        for (int i = 0; i < v.length; i++) {
            double t = TIMES[i / 10];
            double ratio = path.alpha(t) / path.alphaPrime(t);
            double variance = path.sigma(t) * path.sigma(t) - ratio * path.sigmaPrime(t) * path.sigma(t);
            // 1e-12: division by σ at t = 0.07
            assertThat(score[i]).isCloseTo((ratio * v[i] - x[i]) / variance, within(1e-12));
        }
    }

    @ParameterizedTest
    @EnumSource
    void scoreOfAGaussianIsExact(Interpolant path) {
        double variance = 0.25;
        double[] x = normal(9);
        double[] v = new double[x.length];
        double[] expected = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            double t = TIMES[i / 10];
            double a = path.alpha(t);
            double s = path.sigma(t);
            double total = a * a * variance + s * s;
            v[i] = (path.alphaPrime(t) * a * variance + path.sigmaPrime(t) * s) / total * x[i];
            expected[i] = -x[i] / total;
        }

        assertClose(path.score(samples(v), samples(x), times()), expected, 1e-12); // division by σ at t = 0.07
    }

    @Test
    void linearScoreAtPureNoiseIsMinusTheState() {
        NDArray x = samples(normal(10));
        NDArray one = manager.ones(new Shape(3), DataType.FLOAT64);

        double[] score = Interpolant.LINEAR.score(samples(normal(11)), x, one).toDoubleArray();

        assertThat(score).isEqualTo(x.neg().toDoubleArray());
    }

    @Test
    void resultsBelongToTheManagerOfTheSamples() {
        try (NDManager step = manager.newSubManager()) {
            NDArray x = samples(normal(1));
            NDArray eps = samples(normal(2));
            NDArray t = times();
            t.attach(step);
            eps.attach(step);

            assertThat(Interpolant.COSINE.interpolate(x, eps, t).getManager()).isSameAs(manager);
            assertThat(Interpolant.COSINE.velocityTarget(x, eps, t).getManager())
                    .isSameAs(manager);
        }
    }

    @Test
    void wrongShapesAndTypesAreNamed() {
        NDArray x = samples(normal(1));

        assertThatThrownBy(() -> Interpolant.LINEAR.interpolate(x, manager.ones(new Shape(3, 2)), times()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("(3, 2, 5, 1)")
                .hasMessageContaining("(3, 2)");
        assertThatThrownBy(() -> Interpolant.LINEAR.interpolate(x, x, times().reshape(3, 1)))
                .hasMessageContaining("one time for each sample")
                .hasMessageContaining("(3, 1)");
        assertThatThrownBy(() -> Interpolant.LINEAR.velocityTarget(x, x, times().toType(DataType.FLOAT32, true)))
                .hasMessageContaining("float32");
    }

    private NDArray times() {
        return manager.create(TIMES);
    }

    private NDArray samples(double[] values) {
        return manager.create(values, SAMPLES);
    }

    private static double[] normal(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        return random.doubles(SAMPLES.size()).map(u -> 4 * u - 2).toArray();
    }

    private static void assertClose(NDArray actual, double[] expected, double tolerance) {
        assertThat(actual.getShape()).isEqualTo(SAMPLES);
        assertThat(actual.toDoubleArray()).containsExactly(expected, within(tolerance));
    }
}
