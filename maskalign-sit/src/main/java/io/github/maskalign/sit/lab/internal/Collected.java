package io.github.maskalign.sit.lab.internal;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.analysis.SpatialStructure;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/** What all batches gave. */
final class Collected {
    final Map<String, double[]> losses = new LinkedHashMap<>();
    final double[][] full;
    final double[][] masked;
    final boolean[][] visible;
    final double[][][] factors;
    final double[][] permuted;
    final double[][] permutedCosines;
    final double[][] mirrored;
    final double[][] untrained;
    final double[][] denoising;
    final double[] fullPatch;
    final double[][] maskedPatch;
    final double[] fullClass;
    final double[][] maskedClass;
    final Set<Integer> taps;
    final List<List<SpatialStructure>> spatial = new ArrayList<>();
    private final float[][][] means;
    private final boolean classToken;
    private final int pictures;

    Collected(int n, int tokens, int masks, boolean classToken, Set<Integer> taps) {
        this.classToken = classToken;
        this.taps = taps;
        pictures = n;
        full = new double[n][tokens];
        masked = new double[n][tokens];
        visible = new boolean[n][tokens];
        factors = new double[4][n][tokens];
        permuted = new double[n][tokens];
        permutedCosines = new double[n][tokens];
        mirrored = new double[n][tokens];
        untrained = new double[n][tokens];
        denoising = new double[n][tokens];
        fullPatch = new double[n];
        maskedPatch = new double[n][masks];
        fullClass = new double[classToken ? n : 0];
        maskedClass = new double[classToken ? n : 0][masks];
        means = new float[taps.size()][n][];
        taps.forEach(tap -> spatial.add(new ArrayList<>()));
    }

    void losses(String name, int first, float[] values) {
        double[] all = losses.computeIfAbsent(name, key -> new double[pictures]);
        for (int i = 0; i < values.length; i++) {
            all[first + i] = values[i];
        }
    }

    void pool(int first, int tap, float[][] rows) {
        System.arraycopy(rows, 0, means[tap], first, rows.length);
    }

    List<float[][]> pooled() {
        return List.of(means);
    }

    void whole(int first, NDArray cosines) {
        double[][] parts = parts(cosines);
        for (int i = 0; i < parts.length; i++) {
            fullPatch[first + i] = parts[i][1];
            if (classToken) {
                fullClass[first + i] = parts[i][0];
            }
        }
    }

    void masked(int first, int mask, NDArray cosines) {
        double[][] parts = parts(cosines);
        for (int i = 0; i < parts.length; i++) {
            maskedPatch[first + i][mask] = parts[i][1];
            if (classToken) {
                maskedClass[first + i][mask] = parts[i][0];
            }
        }
    }

    /** The class token's cosine, and the mean of the patches': (n, 2). */
    private double[][] parts(NDArray cosines) {
        int n = (int) cosines.getShape().get(0);
        int width = (int) cosines.getShape().get(1);
        int from = classToken ? 1 : 0;
        double[] flat = cosines.toDoubleArray();
        return IntStream.range(0, n)
                .mapToObj(i -> new double[] {
                    flat[i * width],
                    Arrays.stream(flat, i * width + from, (i + 1) * width)
                            .average()
                            .orElseThrow()
                })
                .toArray(double[][]::new);
    }
}
