package io.github.maskalign.examples.teacher;

import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.random.internal.SplitMix64;
import io.github.maskalign.examples.emoji.EmojiSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Two augmented drawings of one emoji by different artists, by position in the run's stream.
 *
 * <p>Each epoch visits every emoji that at least two artists drew once, so the pairs of a batch show different
 * emoji. Artists and augmentation follow from (run seed, position).
 */
final class DrawingPairs {
    private final EmojiSet pictures;
    private final List<int[]> drawings;
    private final EpochOrder order;
    private final Draws draws;
    private final DrawingAugmentation augmentation;

    /**
     * Collects the pairs.
     *
     * @param sets which artists may be drawn
     * @throws IllegalArgumentException if no emoji was drawn by two of them
     */
    DrawingPairs(EmojiSet pictures, List<String> sets, Draws draws) {
        this.pictures = pictures;
        this.draws = draws;
        augmentation = new DrawingAugmentation(pictures.config().size());
        Map<String, List<Integer>> byConcept = new TreeMap<>();
        for (int i = 0; i < pictures.size(); i++) {
            if (sets.contains(pictures.entry(i).set())) {
                byConcept
                        .computeIfAbsent(pictures.entry(i).concept(), concept -> new ArrayList<>())
                        .add(i);
            }
        }
        drawings = byConcept.values().stream()
                .filter(list -> list.size() > 1)
                .map(list -> list.stream().mapToInt(Integer::intValue).toArray())
                .toList();
        if (drawings.isEmpty()) {
            throw new IllegalArgumentException("no emoji was drawn by two of the sets " + sets);
        }
        order = new EpochOrder(draws, drawings.size());
    }

    /** Returns the number of different emoji. */
    int size() {
        return drawings.size();
    }

    /** Returns the side of the pictures in pixels. */
    int side() {
        return pictures.config().size();
    }

    /** Returns bytes (2n, 3, S, S): first views of the positions {@code [first, first + n)}, then second views. */
    byte[] views(long first, int n) {
        int length = pictures.pictureBytes();
        byte[] out = new byte[Math.multiplyExact(2 * n, length)];
        for (int i = 0; i < n; i++) {
            SplitMix64 random = draws.at(RandomStream.AUGMENT, first + i);
            int[] artists = drawings.get(order.indexAt(first + i));
            int a = random.nextInt(artists.length);
            int b = (a + 1 + random.nextInt(artists.length - 1)) % artists.length;
            augmentation.apply(pictures.pixels(artists[a]), random, out, i * length);
            augmentation.apply(pictures.pixels(artists[b]), random, out, (n + i) * length);
        }
        return out;
    }
}
