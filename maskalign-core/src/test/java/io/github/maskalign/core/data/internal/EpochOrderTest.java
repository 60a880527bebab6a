package io.github.maskalign.core.data.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.maskalign.core.random.Draws;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EpochOrderTest {
    private static int[] epoch(long seed, int size, long epoch) {
        EpochOrder order = new EpochOrder(new Draws(seed), size);
        return IntStream.range(0, size)
                .map(i -> order.indexAt(epoch * size + i))
                .toArray();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 97, 1000})
    void everyEpochIsAPermutation(int size) {
        for (long epoch = 0; epoch < 3; epoch++) {
            assertThat(epoch(7, size, epoch))
                    .containsExactlyInAnyOrder(IntStream.range(0, size).toArray());
        }
    }

    @Test
    void epochsAndSeedsHaveOrdersOfTheirOwn() {
        assertThat(epoch(7, 97, 0)).isNotEqualTo(epoch(7, 97, 1)).isNotEqualTo(epoch(8, 97, 0));
        assertThat(epoch(7, 97, 5)).isEqualTo(epoch(7, 97, 5));
    }

    @Test
    void orderStaysTheSameAcrossVersions() {
        // computed apart from Java, from SplittableRandom's definition: a resumed run needs them for ever
        assertThat(epoch(1234, 9, 0)).containsExactly(6, 5, 3, 2, 1, 7, 0, 8, 4);
        assertThat(epoch(1234, 9, 1_000_000)).containsExactly(5, 3, 7, 0, 6, 1, 4, 8, 2);
    }

    @Test
    void anyPositionCanBeAskedInAnyOrder() {
        EpochOrder jumping = new EpochOrder(new Draws(5), 13);
        int late = jumping.indexAt(13L * 1_000_000 + 4);
        int early = jumping.indexAt(3);

        EpochOrder fresh = new EpochOrder(new Draws(5), 13);
        assertThat(fresh.indexAt(3)).isEqualTo(early);
        assertThat(fresh.indexAt(13L * 1_000_000 + 4)).isEqualTo(late);
    }

    @Test
    void everySampleIsEquallyLikelyAtEveryPlace() {
        int[][] counts = new int[5][5];
        int epochs = 20_000;
        EpochOrder order = new EpochOrder(new Draws(11), 5);
        for (long p = 0; p < 5L * epochs; p++) {
            counts[(int) (p % 5)][order.indexAt(p)]++;
        }

        // 4000 expected, standard deviation 57: five of them
        assertThat(Arrays.stream(counts).flatMapToInt(Arrays::stream))
                .allSatisfy(c -> assertThat(c).isCloseTo(epochs / 5, within(285)));
    }

    @Test
    void badSizesAndPositionsAreRefused() {
        assertThatThrownBy(() -> new EpochOrder(new Draws(1), 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("at least one sample but has 0");
        assertThatThrownBy(() -> new EpochOrder(new Draws(1), 3).indexAt(-1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("position must be at least 0 but was -1");
    }
}
