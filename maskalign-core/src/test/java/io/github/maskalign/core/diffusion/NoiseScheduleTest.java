package io.github.maskalign.core.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.golden.GoldenCase;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** DDPM's chain and its parts, against numbers that were derived elsewhere. */
class NoiseScheduleTest {
    static Stream<String> parts() {
        return GoldenCase.names(NoiseScheduleTest.class, "chain");
    }

    @ParameterizedTest
    @MethodSource("parts")
    void numbersAreThoseOfTheReference(String name) {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(getClass(), "chain", name, manager);
            NoiseSchedule chain = named(name);

            assertThat(IntStream.range(0, chain.size()).mapToLong(chain::step).toArray())
                    .isEqualTo(golden.get("steps").toLongArray());
            // products of up to 1,000 factors, and differences from 1 of numbers near 1
            requireClose(golden, "bars", chain, chain::alphaBar, 1e-12);
            requireClose(golden, "betas", chain, chain::beta, 1e-10);
            requireClose(golden, "variances", chain, chain::posteriorVariance, 1e-10);
        }
    }

    private static void requireClose(
            GoldenCase golden, String key, NoiseSchedule chain, IntToDoubleFunction of, double relative) {
        double[] expected = golden.get(key).toDoubleArray();
        for (int k = 0; k < chain.size(); k++) {
            assertThat(of.applyAsDouble(k))
                    .as("%s of step %d", key, k)
                    .isCloseTo(expected[k], within(relative * Math.abs(expected[k])));
        }
    }

    private static NoiseSchedule named(String name) {
        String[] words = name.split("-");
        return switch (words[0]) {
            case "whole" -> NoiseSchedule.whole();
            case "spaced" -> NoiseSchedule.spaced(Integer.parseInt(words[1]));
            default -> NoiseSchedule.strided(Integer.parseInt(words[1]));
        };
    }

    @Test
    void meanOfTheStepBackIsConsistentWithTheStateOnTheWay() {
        NoiseSchedule chain = NoiseSchedule.spaced(50);

        for (int k = 0; k < chain.size(); k++) {
            // without noise x_k = √ᾱ x*, so its mean one step back must be √ᾱ' x*
            double mean = chain.posteriorClean(k) + chain.posteriorState(k) * Math.sqrt(chain.alphaBar(k));
            assertThat(mean).isCloseTo(Math.sqrt(chain.alphaBarBefore(k)), within(1e-12));
        }
        assertThat(chain.time(0)).isZero();
        assertThat(chain.time(49)).isEqualTo(0.999);
    }

    @Test
    void countsThatThereAreNotAreRefusedWithTheNearestThatThereAre() {
        assertThatThrownBy(() -> NoiseSchedule.strided(60))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "steps must divide the 1000 steps of the chain by a whole stride, such as 59 or 63, but was 60");
        for (int count : new int[] {1, 1001}) {
            assertThatThrownBy(() -> NoiseSchedule.strided(count))
                    .hasMessage("steps must be in [2, 1000] on a chain of 1000 steps but was " + count);
            assertThatThrownBy(() -> NoiseSchedule.spaced(count)).hasMessageContaining("[2, 1000]");
        }
    }
}
