package io.github.maskalign.examples.teacher;

import io.github.maskalign.core.random.internal.SplitMix64;

/**
 * Random views of a drawing: zoom, shift, colours. Never mirrored, as some emoji differ in nothing else.
 *
 * <pre>
 * box: height U[0.85, 1.05] of the side, width that times U[0.95, 1.05], placed anywhere inside; white outside
 * colour: turn around the grey axis by U[−0.2, 0.2] rad, saturation × U[0.5, 1.3],
 *         contrast about ½ × U[0.8, 1.2], brightness + U[−0.08, 0.08]
 * </pre>
 */
final class DrawingAugmentation {
    private static final double MIN_BOX = 0.85;
    private static final double MAX_BOX = 1.05;
    private static final double WHITE = 255;

    private final int side;

    DrawingAugmentation(int side) {
        this.side = side;
    }

    /** Writes a view of a picture (3, S, S) to {@code target}, from {@code offset}. */
    void apply(byte[] picture, SplitMix64 random, byte[] target, int offset) {
        double height = side * random.nextDouble(MIN_BOX, MAX_BOX);
        double width = height * random.nextDouble(0.95, 1.05);
        double left = (side - width) * random.nextDouble();
        double top = (side - height) * random.nextDouble();
        double[] colour = colour(random);
        double[] rgb = new double[3];
        int plane = side * side;
        for (int y = 0; y < side; y++) {
            double v = top + (y + 0.5) * height / side - 0.5;
            for (int x = 0; x < side; x++) {
                double u = left + (x + 0.5) * width / side - 0.5;
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
    private static double[] colour(SplitMix64 random) {
        double angle = random.nextDouble(-0.2, 0.2);
        double saturation = random.nextDouble(0.5, 1.3);
        double contrast = random.nextDouble(0.8, 1.2);
        double shift = WHITE * (random.nextDouble(-0.08, 0.08) + 0.5 * (1 - contrast));
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
