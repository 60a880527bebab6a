package io.github.maskalign.core.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.Locale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Tag("bits")
class InterpolantGoldenTest {
    private static final double TOLERANCE = 1e-12; // of the fixtures: float64, relative to the largest number

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
    @EnumSource
    void coefficientsEqualTheReference(Interpolant path) {
        GoldenFile golden = golden(path);
        NDArray t = manager.create(golden.doubles("t"));

        NDArray one = t.onesLike();
        NDArray zero = t.zerosLike();
        assertClose(path.interpolate(one, zero, t), golden.doubles("alpha"));
        assertClose(path.interpolate(zero, one, t), golden.doubles("sigma"));
        assertClose(path.velocityTarget(one, zero, t), golden.doubles("alpha_dot"));
        assertClose(path.velocityTarget(zero, one, t), golden.doubles("sigma_dot"));
    }

    @ParameterizedTest
    @EnumSource
    void statesAndTargetsEqualTheReference(Interpolant path) {
        GoldenFile golden = golden(path);
        NDArray t = manager.create(golden.doubles("t"));
        NDArray clean = samples(golden.doubles("clean"));
        NDArray noise = samples(golden.doubles("noise"));

        assertClose(path.interpolate(clean, noise, t), golden.doubles("x_t"));
        assertClose(path.velocityTarget(clean, noise, t), golden.doubles("target"));
    }

    @ParameterizedTest
    @EnumSource
    void scoresEqualTheReference(Interpolant path) {
        GoldenFile golden = golden(path);
        double[] t = golden.doubles("t");
        double[] scoreT = golden.doubles("score_t");
        double[] expected = golden.doubles("score");
        int first = t.length - scoreT.length; // t = 0 has no score
        assertThat(Arrays.copyOfRange(t, first, t.length)).isEqualTo(scoreT);

        NDArray v = samples(golden.doubles("v")).get(first + ":");
        NDArray x = samples(golden.doubles("x_t")).get(first + ":");
        double[] score = path.score(v, x, manager.create(scoreT)).toDoubleArray();

        for (int i = 0; i < expected.length; i++) { // one by one: scores grow like 1/t
            assertThat(score[i]).isCloseTo(expected[i], within(TOLERANCE * (1 + Math.abs(expected[i]))));
        }
    }

    private static GoldenFile golden(Interpolant path) {
        return new GoldenFile("interpolants/" + path.name().toLowerCase(Locale.ROOT));
    }

    private NDArray samples(double[] values) {
        return manager.create(values, new Shape(values.length / 5, 5));
    }

    private static void assertClose(NDArray actual, double[] expected) {
        assertThat(actual.toDoubleArray()).containsExactly(expected, within(TOLERANCE));
    }
}
