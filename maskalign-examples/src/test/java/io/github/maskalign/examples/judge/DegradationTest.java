package io.github.maskalign.examples.judge;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.examples.judge.Degradation.Drawing;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DegradationTest {
    private static final int BYTES = 3 * 64 * 64;

    /** Drawings of squares, one of each of eight classes. */
    static List<Drawing> set() {
        return IntStream.range(0, 8)
                .mapToObj(i -> {
                    SplittableRandom random = new SplittableRandom(i);
                    byte[] bytes = new byte[BYTES];
                    for (int at = 0; at < BYTES; at++) {
                        boolean inside = at % 64 > 10 + i && at % 64 < 40 && at % 4096 / 64 > 12 && at % 4096 / 64 < 50;
                        bytes[at] = (byte) (inside ? 40 + 60 * (at / 4096) + 10 * i + random.nextInt(5) : 255);
                    }
                    return new Drawing(bytes, i);
                })
                .toList();
    }

    @ParameterizedTest
    @EnumSource
    void strengthensAndFollowsFromTheSeed(Degradation degradation) {
        List<Drawing> set = set();
        double before = 0;
        for (double strength : degradation.strengths()) {
            List<Drawing> spoilt = degradation.apply(set, strength, 3);
            double change = change(set, spoilt);

            assertThat(change).as("%s %s", degradation, strength).isGreaterThan(before);
            assertThat(change(spoilt, degradation.apply(set, strength, 3))).isZero();
            before = change;
        }
    }

    @Test
    void swapsMoveSquaresAndLoseNothing() {
        Drawing own = set().get(1);

        byte[] spoilt = Degradation.SWAPS.apply(List.of(own), 4, 5).get(0).bytes();

        assertThat(counts(spoilt)).isEqualTo(counts(own.bytes()));
        int squares = 0;
        for (int square = 0; square < 64; square++) {
            boolean same = true;
            for (int k = 0; k < 64; k++) {
                int at = square / 8 * 512 + square % 8 * 8 + k / 8 * 64 + k % 8;
                same &= spoilt[at] == own.bytes()[at];
            }
            squares += same ? 0 : 1;
        }
        assertThat(squares).isBetween(1, 8);
    }

    @Test
    void missingClassesAreReplacedByThoseThatAreLeft() {
        List<Drawing> set = set();

        List<Drawing> spoilt = Degradation.FEWER_KINDS.apply(set, 6, 1);

        for (Drawing one : spoilt) {
            assertThat(List.of(set.get(6).bytes(), set.get(7).bytes())).contains(one.bytes());
        }
    }

    @Test
    void finestQuantisationKeepsBytes() {
        Drawing own = set().get(2);

        byte[] spoilt =
                Degradation.QUANTISED.apply(List.of(own), 1e-3, 0).get(0).bytes();

        assertThat(spoilt).isEqualTo(own.bytes());
    }

    private static double change(List<Drawing> before, List<Drawing> after) {
        double sum = 0;
        for (int i = 0; i < before.size(); i++) {
            for (int k = 0; k < BYTES; k++) {
                double d = (before.get(i).bytes()[k] & 0xFF) - (after.get(i).bytes()[k] & 0xFF);
                sum += d * d;
            }
        }
        return sum;
    }

    private static int[] counts(byte[] bytes) {
        int[] counts = new int[256];
        for (byte value : bytes) {
            counts[value & 0xFF]++;
        }
        return Arrays.copyOf(counts, counts.length);
    }
}
