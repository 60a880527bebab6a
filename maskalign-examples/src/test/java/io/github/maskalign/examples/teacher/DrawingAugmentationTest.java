package io.github.maskalign.examples.teacher;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.random.internal.SplitMix64;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class DrawingAugmentationTest {
    private static final int SIDE = 16;

    @Test
    void viewsFollowFromTheGeneratorAndDiffer() {
        byte[] picture = new byte[3 * SIDE * SIDE];
        new SplittableRandom(1).nextBytes(picture);

        assertThat(view(picture, 5)).isEqualTo(view(picture, 5)).isNotEqualTo(view(picture, 6));
    }

    @Test
    void greyStaysGrey() {
        byte[] picture = new byte[3 * SIDE * SIDE];
        Arrays.fill(picture, (byte) 128);
        for (int seed = 0; seed < 20; seed++) {
            byte[] view = view(picture, seed);

            int plane = SIDE * SIDE;
            for (int i = 0; i < plane; i++) { // turning colours about the grey axis moves no grey
                assertThat(Math.abs(view[i] - view[i + plane]))
                        .as("seed %d", seed)
                        .isLessThan(2);
                assertThat(Math.abs(view[i] - view[i + 2 * plane]))
                        .as("seed %d", seed)
                        .isLessThan(2);
            }
        }
    }

    @Test
    void otherViewsOfTheTargetAreNotTouched() {
        byte[] target = new byte[3 * 3 * SIDE * SIDE];
        byte[] white = new byte[3 * SIDE * SIDE];
        Arrays.fill(white, (byte) 255);

        new DrawingAugmentation(SIDE).apply(white, new SplitMix64(2), target, white.length);

        assertThat(Arrays.copyOfRange(target, 0, white.length)).containsOnly(0);
        assertThat(Arrays.copyOfRange(target, 2 * white.length, target.length)).containsOnly(0);
        assertThat(Arrays.copyOfRange(target, white.length, 2 * white.length)).doesNotContain(0);
    }

    private static byte[] view(byte[] picture, int seed) {
        byte[] out = new byte[picture.length];
        new DrawingAugmentation(SIDE).apply(picture, new SplitMix64(seed), out, 0);
        return out;
    }
}
