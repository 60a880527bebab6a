package io.github.maskalign.core.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class FuzzTest {
    @Test
    void everyFileHasItsTurnAboutEquallyOften() {
        List<byte[]> seeds = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            seeds.add(new byte[] {(byte) i});
        }
        int[] turns = new int[8];

        Fuzz.of(seeds, (seed, random) -> seed, IOException.class).run(2_000, input -> turns[input[0]]++);

        assertThat(Arrays.stream(turns).min().orElse(0))
                .as(Arrays.toString(turns))
                .isGreaterThan(150);
    }

    @Test
    void theSecondNumberDoesNotFollowFromTheFirst() {
        int[][] counts = new int[4][4];

        for (int i = 0; i < 3_200; i++) {
            java.util.Random random = Fuzz.random(i);
            counts[random.nextInt(4)][random.nextInt(4)]++;
        }

        assertThat(Arrays.stream(counts).flatMapToInt(Arrays::stream).min().orElse(0))
                .isGreaterThan(120);
    }

    @Test
    void undocumentedExceptionsAndLongWorkAreNamedBySeed() {
        List<byte[]> seeds = List.of(new byte[1]);

        assertThatThrownBy(() -> Fuzz.of(seeds, (seed, random) -> seed, IOException.class)
                        .run(1, input -> {
                            throw new IllegalStateException("no");
                        }))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("seed 20261123 led to java.lang.IllegalStateException: no");
        assertThatThrownBy(() -> Fuzz.of(seeds, (seed, random) -> seed, IOException.class)
                        .within(1 << 20, 10_000)
                        .run(1, input -> assertThat(new byte[2 << 20]).isNotEmpty()))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("seed 20261123 took");
    }
}
