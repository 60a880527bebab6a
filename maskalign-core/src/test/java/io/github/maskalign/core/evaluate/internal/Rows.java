package io.github.maskalign.core.evaluate.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.util.Random;

/** Features for tests. */
public final class Rows {
    private Rows() {}

    /** Correlated features around a mean. */
    public static NDArray random(NDManager manager, long seed, int count, int width, double shift) {
        Random random = new Random(seed);
        float[] values = new float[count * width];
        for (int i = 0; i < count; i++) {
            double common = random.nextGaussian();
            for (int d = 0; d < width; d++) {
                values[i * width + d] = (float) (random.nextGaussian() + 0.5 * common + shift + 0.1 * d);
            }
        }
        return OwnedArrays.of(manager, new Shape(count, width), values);
    }

    public static FeatureStatistics statistics(NDManager manager, NDArray rows) {
        int width = Math.toIntExact(rows.getShape().get(1));
        try (FeatureAccumulator sum = new FeatureAccumulator(manager, width)) {
            sum.add(rows);
            return sum.statistics();
        }
    }

    public static FeatureMatrix matrix(NDManager manager, NDArray rows, int blockRows) {
        FeatureMatrix matrix =
                new FeatureMatrix(manager, Math.toIntExact(rows.getShape().get(1)), blockRows);
        matrix.add(rows);
        return matrix;
    }
}
