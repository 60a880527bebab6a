package io.github.maskalign.sit.weights.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import java.io.IOException;
import java.util.Arrays;

/** Picks the velocity out of a head that predicts 2C channels, (a p + b) 2C + c for pixel (a, b) and channel c. */
public final class VelocityRows {
    private VelocityRows() {}

    /** Whether all rows with c ≥ C of a weight (p² 2C, D) are zero, as where the sigma of such a head was never trained. */
    static boolean leavesZeros(TensorSource tensor, int channels) throws IOException {
        float[] all = tensor.floats();
        int rows = Math.toIntExact(tensor.shape().get(0));
        int width = all.length / rows;
        for (int i = 0; i < all.length; i++) {
            if (i / width % (2 * channels) >= channels && all[i] != 0) {
                return false;
            }
        }
        return true;
    }

    /** Returns the rows with c &lt; C of a weight (p² 2C, D) or bias (p² 2C). */
    public static TensorSource of(TensorSource tensor, int channels) throws IOException {
        long[] shape = tensor.shape().getShape();
        float[] all = tensor.floats();
        int rows = Math.toIntExact(shape[0]);
        int width = all.length / rows;
        float[] kept = new float[all.length / 2];
        for (int row = 0, to = 0; row < rows; row++) {
            if (row % (2 * channels) < channels) {
                System.arraycopy(all, row * width, kept, to, width);
                to += width;
            }
        }
        long[] half = Arrays.copyOf(shape, shape.length);
        half[0] /= 2;
        return TensorSource.of(new Shape(half), kept);
    }
}
