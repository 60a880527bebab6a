package io.github.maskalign.examples.judge;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.random.internal.SplitMix64;
import java.util.Arrays;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DamageTest {
    private static final int SIDE = 64;

    @ParameterizedTest
    @EnumSource
    void everyLevelDamagesMoreThanTheOneBefore(Damage damage) {
        double before = 0;
        for (int level = 0; level < Damage.LEVELS; level++) {
            double change = 0;
            for (int seed = 0; seed < 40; seed++) {
                byte[] picture = picture();
                damage.apply(picture, SIDE, level + 0.5, new SplitMix64(seed));
                change += change(picture);
            }
            assertThat(change).as("level %d", level).isGreaterThan(before);
            before = change;
        }
    }

    @Test
    void meansKeepFlatColourAndSpreadAnEdgeByHalfTheBox() {
        byte[] flat = new byte[3 * SIDE * SIDE];
        Arrays.fill(flat, (byte) 77);
        Damage.BOX.apply(flat, SIDE, 3.5, new SplitMix64(0));
        assertThat(flat).containsOnly(77);

        byte[] edge = new byte[3 * SIDE * SIDE];
        for (int i = 0; i < edge.length; i++) {
            edge[i] = (byte) (i % SIDE < 32 ? 0 : 100);
        }
        double s = Math.log(2.5 / 0.6) / Math.log(1.65); // a box of 5 pixels: two on each side
        Damage.BOX.apply(edge, SIDE, s, new SplitMix64(0));
        for (int k = 0; k < 6; k++) {
            assertThat(edge[29 + k]).isEqualTo((byte) (20 * k));
        }
    }

    @Test
    void classesTellKindAndLevelAndAShareOfZeroDamagesNothing() {
        TreeSet<Integer> found = new TreeSet<>();
        int intact = 0;
        for (int seed = 0; seed < 400; seed++) {
            byte[] picture = picture();
            int number = Damage.some(picture, SIDE, 0.5, new SplitMix64(seed));
            found.add(number);
            intact += number == 0 ? 1 : 0;
            assertThat(change(picture) > 0).as("class %d", number).isEqualTo(number > 0);

            assertThat(Damage.some(picture, SIDE, 0, new SplitMix64(seed))).isZero();
        }
        assertThat(found).hasSize(Damage.CLASSES);
        assertThat(found.last()).isEqualTo(Damage.CLASSES - 1);
        assertThat(intact).isBetween(160, 240); // 200, sd 10
    }

    /** Every byte unlike those at any other place of its row and column. */
    private static byte[] picture() {
        byte[] out = new byte[3 * SIDE * SIDE];
        for (int i = 0; i < out.length; i++) {
            out[i] = (byte) (60 + (i % SIDE) + (i / SIDE % SIDE) + 3 * (i % 7));
        }
        return out;
    }

    private static double change(byte[] picture) {
        byte[] before = picture();
        double sum = 0;
        for (int i = 0; i < before.length; i++) {
            double d = (before[i] & 0xFF) - (picture[i] & 0xFF);
            sum += d * d;
        }
        return sum;
    }
}
