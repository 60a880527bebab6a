package io.github.maskalign.sit.lab.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.analysis.SpatialStructure;
import io.github.maskalign.core.analysis.SpatialStructure.Distances;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Patch tokens as numbers of Java. */
final class PatchTokens {
    private PatchTokens() {}

    /** Mean token of each picture: (n, T, D) to (n, D). */
    static float[][] means(NDArray patches) {
        Shape shape = patches.getShape();
        int width = (int) shape.get(2);
        float[] flat = patches.toFloatArray();
        int tokens = (int) shape.get(1);
        float[][] means = new float[(int) shape.get(0)][width];
        for (int i = 0; i < means.length; i++) {
            double[] sums = new double[width];
            for (int k = 0; k < tokens; k++) {
                int row = (i * tokens + k) * width;
                for (int c = 0; c < width; c++) {
                    sums[c] += flat[row + c];
                }
            }
            for (int c = 0; c < width; c++) {
                means[i][c] = (float) (sums[c] / tokens);
            }
        }
        return means;
    }

    /** Whether a grid is large enough for iREPA's distances. */
    static boolean measurable(int grid) {
        return 2 * grid - 2 >= Distances.CODE.far();
    }

    static List<SpatialStructure> structures(NDArray patches, int grid) {
        Shape shape = patches.getShape();
        int tokens = (int) shape.get(1);
        int width = (int) shape.get(2);
        float[] flat = patches.toFloatArray();
        return IntStream.range(0, (int) shape.get(0))
                .parallel()
                .mapToObj(i -> {
                    float[][] rows = new float[tokens][];
                    for (int k = 0; k < tokens; k++) {
                        int from = (i * tokens + k) * width;
                        rows[k] = Arrays.copyOfRange(flat, from, from + width);
                    }
                    return SpatialStructure.of(rows, grid, grid, Distances.CODE);
                })
                .toList();
    }
}
