package io.github.maskalign.examples.judge;

import io.github.maskalign.core.random.internal.SplitMix64;

/**
 * Damage that the judge learns to tell from intact drawings, in four levels each.
 *
 * <pre>
 * NOISE    each byte + U[−a, a],   a = 4 · 2^s
 * BOX      mean over w × w pixels, w = 1.2 · 1.65^s, edges of the box by their share
 * COPIES   2^level rectangles of 5 to 14 pixels a side are overwritten by other places of the drawing
 * s = U[level, level + 1), level 0 to 3
 * </pre>
 *
 * <p>What measures the judge is of other kinds, or made otherwise and of other strengths.
 */
enum Damage {
    NOISE {
        @Override
        void apply(byte[] picture, int side, double s, SplitMix64 random) {
            double a = 4 * StrictMath.pow(2, s);
            for (int i = 0; i < picture.length; i++) {
                picture[i] = clamped((picture[i] & 0xFF) + random.nextDouble(-a, a));
            }
        }
    },
    BOX {
        @Override
        void apply(byte[] picture, int side, double s, SplitMix64 random) {
            double reach = 0.6 * StrictMath.pow(1.65, s);
            box(picture, side, 1, reach);
            box(picture, side, side, reach);
        }
    },
    COPIES {
        @Override
        void apply(byte[] picture, int side, double s, SplitMix64 random) {
            byte[] before = picture.clone();
            int count = 1 << (int) s;
            for (int k = 0; k < count; k++) {
                int width = 5 + random.nextInt(10);
                int height = 5 + random.nextInt(10);
                int from = random.nextInt(side - height + 1) * side + random.nextInt(side - width + 1);
                int to = random.nextInt(side - height + 1) * side + random.nextInt(side - width + 1);
                for (int row = 0; row < 3 * height; row++) {
                    int at = row / height * side * side + row % height * side;
                    System.arraycopy(before, from + at, picture, to + at, width);
                }
            }
        }
    };

    /** Levels of each kind. */
    static final int LEVELS = 4;
    /** Classes to tell: intact, and each kind at each level. */
    static final int CLASSES = 1 + LEVELS * values().length;

    private static final double WHITE = 255;

    abstract void apply(byte[] picture, int side, double s, SplitMix64 random);

    /**
     * Leaves a picture (3, S, S) as it is or damages it.
     *
     * @param share how often it is damaged, in [0, 1]
     * @return the number of its class, in [0, {@link #CLASSES}); 0 is intact
     */
    static int some(byte[] picture, int side, double share, SplitMix64 random) {
        if (random.nextDouble() >= share) {
            return 0;
        }
        int kind = random.nextInt(values().length);
        int level = random.nextInt(LEVELS);
        values()[kind].apply(picture, side, level + random.nextDouble(), random);
        return 1 + kind * LEVELS + level;
    }

    private static byte clamped(double value) {
        return (byte) Math.round(Math.max(0, Math.min(WHITE, value)));
    }

    /** Means over {@code 2 · reach} pixels along x ({@code step} 1) or y ({@code step} S); edges of the picture repeat. */
    private static void box(byte[] picture, int side, int step, double reach) {
        byte[] before = picture.clone();
        int inside = (int) Math.floor(reach - 0.5); // pixels on each side that are in the box as a whole
        double part = reach - 0.5 - inside; // of the next pixel on each side
        for (int i = 0; i < picture.length; i++) {
            int place = i / step % side;
            double sum = 0;
            for (int k = -inside - 1; k <= inside + 1; k++) {
                int moved = Math.max(0, Math.min(side - 1, place + k));
                double weight = Math.abs(k) > inside ? part : 1;
                sum += weight * (before[i + (moved - place) * step] & 0xFF);
            }
            picture[i] = clamped(sum / (1 + 2 * inside + 2 * part));
        }
    }
}
