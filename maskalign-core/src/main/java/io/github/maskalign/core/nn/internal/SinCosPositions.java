package io.github.maskalign.core.nn.internal;

/**
 * The fixed two-dimensional sine-cosine position table of the SiT family.
 *
 * <p>Token n = row · G + column; with q = D/4 and ω_k = 10000^(-k/q) its channels are
 * {@code [sin(column·ω) | cos(column·ω) | sin(row·ω) | cos(row·ω)]}, each q wide. Computed in float64 and
 * rounded to float32, as REPA's {@code models/sit.py} does.
 */
public final class SinCosPositions {
    private SinCosPositions() {}

    /**
     * Returns the table, row-major (leadingZeroRows + grid², width).
     *
     * @param width D, a multiple of 4
     * @param grid side G of the token grid
     * @param leadingZeroRows rows of zeros in front: 1 for a class token
     * @throws IllegalArgumentException if width is no multiple of 4
     */
    public static float[] table(int width, int grid, int leadingZeroRows) {
        if (width % 4 != 0) {
            throw new IllegalArgumentException("hiddenSize must be a multiple of 4 but was " + width);
        }
        int q = width / 4;
        float[] out = new float[(leadingZeroRows + grid * grid) * width];
        for (int row = 0; row < grid; row++) {
            for (int column = 0; column < grid; column++) {
                int at = (leadingZeroRows + row * grid + column) * width;
                for (int k = 0; k < q; k++) {
                    double omega = 1 / StrictMath.pow(10000, k / (double) q);
                    out[at + k] = (float) StrictMath.sin(column * omega);
                    out[at + q + k] = (float) StrictMath.cos(column * omega);
                    out[at + 2 * q + k] = (float) StrictMath.sin(row * omega);
                    out[at + 3 * q + k] = (float) StrictMath.cos(row * omega);
                }
            }
        }
        return out;
    }
}
