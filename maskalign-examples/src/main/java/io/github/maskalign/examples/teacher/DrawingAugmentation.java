package io.github.maskalign.examples.teacher;

import java.util.SplittableRandom;

/**
 * Random views of a drawing: zoom, shift, mirror, colours.
 *
 * <pre>
 * box: width and height U[0.65, 1.1] of the side, placed so that it covers the middle; white outside
 * mirror with probability ½
 * colour: turn around the grey axis by U[−0.4, 0.4] rad, saturation × U[0.4, 1.4] (0 in one view of seven),
 *         contrast about ½ × U[0.7, 1.3], brightness + U[−0.15, 0.15]
 * </pre>
 */
final class DrawingAugmentation {
    private static final double MIN_BOX = 0.65;
    private static final double MAX_BOX = 1.1;
    private static final double WHITE = 255;

    private final int side;

    DrawingAugmentation(int side) {
        this.side = side;
    }

    /** Writes a view of a picture (3, S, S) to {@code target}, from {@code offset}. */
    void apply(byte[] picture, SplittableRandom random, byte[] target, int offset) {
        double width = side * random.nextDouble(MIN_BOX, MAX_BOX);
        double height = side * random.nextDouble(MIN_BOX, MAX_BOX);
        double left = (side - width) * random.nextDouble();
        double top = (side - height) * random.nextDouble();
        boolean mirrored = random.nextBoolean();
        double[] colour = colour(random);
        double[] rgb = new double[3];
        int plane = side * side;
        for (int y = 0; y < side; y++) {
            double v = top + (y + 0.5) * height / side - 0.5;
            for (int x = 0; x < side; x++) {
                int column = mirrored ? side - 1 - x : x;
                double u = left + (column + 0.5) * width / side - 0.5;
                for (int c = 0; c < 3; c++) {
                    rgb[c] = bilinear(picture, c * plane, u, v);
                }
                for (int c = 0; c < 3; c++) {
                    double value = colour[4 * c] * rgb[0]
                            + colour[4 * c + 1] * rgb[1]
                            + colour[4 * c + 2] * rgb[2]
                            + colour[4 * c + 3];
                    target[offset + c * plane + y * side + x] = (byte) Math.round(Math.max(0, Math.min(WHITE, value)));
                }
            }
        }
    }

    /** Returns the affine map of colours, three rows of four numbers. */
    private static double[] colour(SplittableRandom random) {
        double angle = random.nextDouble(-0.4, 0.4);
        double saturation = random.nextInt(7) == 0 ? 0 : random.nextDouble(0.4, 1.4);
        double contrast = random.nextDouble(0.7, 1.3);
        double shift = WHITE * (random.nextDouble(-0.15, 0.15) + 0.5 * (1 - contrast));
        // Rodrigues' rotation about (1, 1, 1) / sqrt 3; the part along the axis is the grey value
        double cos = saturation * StrictMath.cos(angle);
        double sin = saturation * StrictMath.sin(angle) / StrictMath.sqrt(3);
        double[] map = new double[12];
        for (int r = 0; r < 3; r++) {
            for (int c = 0; c < 3; c++) {
                double turned = r == c ? cos * 2 / 3 : -cos / 3 + ((c - r + 3) % 3 == 1 ? -sin : sin);
                map[4 * r + c] = contrast * (1 / 3.0 + turned);
            }
            map[4 * r + 3] = shift;
        }
        return map;
    }

    private double bilinear(byte[] picture, int base, double u, double v) {
        int x = (int) Math.floor(u);
        int y = (int) Math.floor(v);
        double fx = u - x;
        double fy = v - y;
        return (1 - fy) * ((1 - fx) * at(picture, base, x, y) + fx * at(picture, base, x + 1, y))
                + fy * ((1 - fx) * at(picture, base, x, y + 1) + fx * at(picture, base, x + 1, y + 1));
    }

    private double at(byte[] picture, int base, int x, int y) {
        return x < 0 || y < 0 || x >= side || y >= side ? WHITE : picture[base + y * side + x] & 0xFF;
    }
}
