package io.github.maskalign.examples.judge;

import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.random.internal.SplitMix64;
import io.github.maskalign.examples.emoji.EmojiSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Drawings with the number of their emoji, their category, their artist and their {@link Damage}, by position in the run's stream.
 *
 * <p>Each epoch visits every drawing once whose emoji at least two of the artists drew. A drawing is moved by whole
 * pixels, U{−shift … shift} each way, white where it was, and sometimes damaged; nothing else, as what is blurred, noisy
 * or of other colours must look different to a judge.
 */
final class LabelledDrawings {
    /** Numbers of labels of one drawing. */
    static final int KINDS = 4;

    private static final byte WHITE = (byte) 255;

    private final EmojiSet pictures;
    private final int shift;
    private final double damaged;
    private final Draws draws;
    private final EpochOrder order;
    private final int[] drawings;
    private final long[] labels;
    private final int emoji;
    private final int artists;

    /**
     * Collects the drawings.
     *
     * @param sets which artists may be drawn
     * @param shift furthest that a drawing is moved, in pixels
     * @param damaged share of drawings that are damaged
     * @throws IllegalArgumentException if no emoji was drawn by two of them
     */
    LabelledDrawings(EmojiSet pictures, List<String> sets, int shift, double damaged, Draws draws) {
        this.pictures = pictures;
        this.shift = shift;
        this.damaged = damaged;
        this.draws = draws;
        artists = sets.size();
        TreeMap<String, Set<String>> by = new TreeMap<>();
        for (int i = 0; i < pictures.size(); i++) {
            String set = pictures.entry(i).set();
            if (sets.contains(set)) {
                by.computeIfAbsent(pictures.entry(i).concept(), concept -> new TreeSet<>())
                        .add(set);
            }
        }
        by.values().removeIf(who -> who.size() < 2);
        if (by.isEmpty()) {
            throw new IllegalArgumentException("no emoji was drawn by two of the sets " + sets);
        }
        emoji = by.size();
        List<String> concepts = new ArrayList<>(by.keySet());
        List<Integer> found = new ArrayList<>();
        for (int i = 0; i < pictures.size(); i++) {
            if (sets.contains(pictures.entry(i).set())
                    && by.containsKey(pictures.entry(i).concept())) {
                found.add(i);
            }
        }
        drawings = found.stream().mapToInt(Integer::intValue).toArray();
        labels = new long[KINDS * drawings.length];
        for (int i = 0; i < drawings.length; i++) {
            labels[KINDS * i] = concepts.indexOf(pictures.entry(drawings[i]).concept());
            labels[KINDS * i + 1] = pictures.entry(drawings[i]).label();
            labels[KINDS * i + 2] = sets.indexOf(pictures.entry(drawings[i]).set());
        }
        order = new EpochOrder(draws, drawings.length);
    }

    /** Returns the number of drawings. */
    int size() {
        return drawings.length;
    }

    /** Returns the numbers of different emoji, categories, artists and kinds of damage. */
    int[] classes() {
        return new int[] {emoji, pictures.labels().size(), artists, Damage.CLASSES};
    }

    /**
     * Drawings of one step.
     *
     * @param pictures bytes (n, 3, S, S)
     * @param labels (n, 4): emoji, category, artist, damage
     */
    record Batch(byte[] pictures, long[] labels) {}

    /** Returns the drawings of the positions {@code [first, first + n)}. */
    Batch batch(long first, int n) {
        int side = pictures.config().size();
        int length = pictures.pictureBytes();
        byte[] out = new byte[Math.multiplyExact(n, length)];
        long[] told = new long[KINDS * n];
        for (int i = 0; i < n; i++) {
            SplitMix64 random = draws.at(RandomStream.AUGMENT, first + i);
            int right = random.nextInt(2 * shift + 1) - shift;
            int down = random.nextInt(2 * shift + 1) - shift;
            int drawing = order.indexAt(first + i);
            byte[] moved = moved(pictures.pixels(drawings[drawing]), right, down);
            System.arraycopy(labels, KINDS * drawing, told, KINDS * i, KINDS);
            told[KINDS * i + KINDS - 1] = Damage.some(moved, side, damaged, random);
            System.arraycopy(moved, 0, out, i * length, length);
        }
        return new Batch(out, told);
    }

    private byte[] moved(byte[] picture, int right, int down) {
        int side = pictures.config().size();
        int width = side - Math.abs(right);
        byte[] target = new byte[picture.length];
        Arrays.fill(target, WHITE);
        for (int row = 0; row < 3 * side; row++) {
            int y = row % side + down;
            if (y >= 0 && y < side) {
                System.arraycopy(
                        picture,
                        row * side + Math.max(0, -right),
                        target,
                        (row + down) * side + Math.max(0, right),
                        width);
            }
        }
        return target;
    }
}
