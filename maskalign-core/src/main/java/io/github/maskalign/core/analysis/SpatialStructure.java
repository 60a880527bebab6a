package io.github.maskalign.core.analysis;

import io.github.maskalign.core.analysis.Measured.Resampling;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;

/**
 * How far features of one picture resemble their neighbours on the grid: iREPA's measures (metrics/spatial_metrics.py). cos is the
 * cosine of two tokens' features, d the Manhattan distance of their positions.
 *
 * @param lds local against distant similarity: mean cos at 1 ≤ d ≤ near, minus mean cos at d ≥ far
 * @param cds correlation decay slope: minus the least-squares slope of mean cos at d over d = 1, …, slopeTo
 * @param rmsc spatial contrast: √(mean ‖û_t − mean û‖²) of features û of length 1; 0 if all tokens point the same way, at
 *     most 1
 * @param srss self-similarity of a region, where its mask is known: mean over its tokens of mean cos with region tokens at 1
 *     ≤ d ≤ near, minus mean cos with tokens outside at d ≥ far; tokens that lack one of the two do not count. Empty without
 *     a mask, and where no token counts
 */
public record SpatialStructure(double lds, double cds, double rmsc, OptionalDouble srss) {

    /**
     * What is near and what is far.
     *
     * @param near greatest distance of neighbours, at least 1
     * @param far least distance of distant tokens, above {@code near}
     * @param slopeTo greatest distance of the slope, at least 2; a small grid ends it sooner
     */
    public record Distances(int near, int far, int slopeTo) {
        /** As iREPA's code has them: the 4 neighbours, far from 6 on, slope to 8. */
        public static final Distances CODE = new Distances(1, 6, 8);

        /** As its paper states them: near below 8, far from 8 on. */
        public static final Distances PAPER = new Distances(7, 8, 8);

        public Distances {
            if (near < 1 || far <= near || slopeTo < 2) {
                throw new IllegalArgumentException(
                        "near must be at least 1, far above near and slopeTo at least 2 but they were " + near + ", "
                                + far + " and " + slopeTo);
            }
        }
    }

    /**
     * The means over pictures with their intervals.
     *
     * @param srss over the pictures that have one; empty if fewer than 2 do
     */
    public record Summary(Measured lds, Measured cds, Measured rmsc, Optional<Measured> srss) {}

    /**
     * Measures one picture.
     *
     * @param tokens (rows · columns, width), row-major on the grid, finite and none zero
     * @throws IllegalArgumentException also if no two tokens of the grid are far from each other
     */
    public static SpatialStructure of(float[][] tokens, int rows, int columns, Distances distances) {
        return measure(tokens, Optional.empty(), rows, columns, distances);
    }

    /**
     * Measures one picture with the mask of an object.
     *
     * @param mask for each token whether it belongs to the object
     */
    public static SpatialStructure of(float[][] tokens, boolean[] mask, int rows, int columns, Distances distances) {
        return measure(tokens, Optional.of(mask), rows, columns, distances);
    }

    /**
     * Returns the means over pictures.
     *
     * @throws IllegalArgumentException if there are fewer than 2
     */
    public static Summary summary(List<SpatialStructure> pictures, Resampling resampling) {
        List<SpatialStructure> masked =
                pictures.stream().filter(p -> p.srss().isPresent()).toList();
        return new Summary(
                mean(pictures, SpatialStructure::lds, resampling),
                mean(pictures, SpatialStructure::cds, resampling),
                mean(pictures, SpatialStructure::rmsc, resampling),
                masked.size() < 2
                        ? Optional.empty()
                        : Optional.of(mean(masked, p -> p.srss().getAsDouble(), resampling)));
    }

    private static Measured mean(
            List<SpatialStructure> pictures, ToDoubleFunction<SpatialStructure> measure, Resampling resampling) {
        return Measured.mean(pictures.stream().mapToDouble(measure).toArray(), resampling);
    }

    private static SpatialStructure measure(
            float[][] tokens, Optional<boolean[]> mask, int rows, int columns, Distances distances) {
        Grid grid = new Grid(rows, columns);
        grid.check("tokens", tokens.length);
        mask.ifPresent(m -> grid.check("mask", m.length));
        int longest = rows + columns - 2;
        if (distances.far() > longest) {
            throw new IllegalArgumentException("no tokens of a grid of " + rows + " x " + columns + " are "
                    + distances.far() + " apart: far must be at most " + longest);
        }
        Gram.checkFeatures("tokens", tokens);
        double[][] unit = Gram.unit("tokens", tokens);
        double[][] cos = Gram.of(unit);
        double[] sums = new double[longest + 1];
        long[] pairs = new long[longest + 1];
        for (int i = 0; i < cos.length; i++) {
            for (int j = 0; j < i; j++) {
                int d = distance(i, j, columns);
                sums[d] += cos[i][j];
                pairs[d]++;
            }
        }
        double lds = mean(sums, pairs, 1, distances.near()) - mean(sums, pairs, distances.far(), longest);
        OptionalDouble srss = mask.isPresent() ? srss(cos, mask.get(), columns, distances) : OptionalDouble.empty();
        return new SpatialStructure(lds, -slope(sums, pairs, Math.min(distances.slopeTo(), longest)), rmsc(unit), srss);
    }

    private static int distance(int i, int j, int columns) {
        return Math.abs(i / columns - j / columns) + Math.abs(i % columns - j % columns);
    }

    private static double mean(double[] sums, long[] pairs, int from, int to) {
        double sum = 0;
        long count = 0;
        for (int d = from; d <= Math.min(to, sums.length - 1); d++) {
            sum += sums[d];
            count += pairs[d];
        }
        return sum / count;
    }

    private static double slope(double[] sums, long[] pairs, int to) {
        double middle = (1 + to) / 2.0;
        double products = 0;
        double squares = 0;
        for (int d = 1; d <= to; d++) {
            products += (d - middle) * (sums[d] / pairs[d]);
            squares += (d - middle) * (d - middle);
        }
        return products / squares;
    }

    /** mean ‖û − ū‖² = 1 − ‖ū‖², but summed as it is written, which does not cancel. */
    private static double rmsc(double[][] unit) {
        double[] mean = new double[unit[0].length];
        for (double[] token : unit) {
            for (int c = 0; c < mean.length; c++) {
                mean[c] += token[c] / unit.length;
            }
        }
        double sum = 0;
        for (double[] token : unit) {
            for (int c = 0; c < mean.length; c++) {
                sum += (token[c] - mean[c]) * (token[c] - mean[c]);
            }
        }
        return Math.sqrt(sum / unit.length);
    }

    private static OptionalDouble srss(double[][] cos, boolean[] mask, int columns, Distances distances) {
        double sum = 0;
        int anchors = 0;
        for (int i = 0; i < mask.length; i++) {
            if (!mask[i]) {
                continue;
            }
            double near = 0;
            double far = 0;
            int nearCount = 0;
            int farCount = 0;
            for (int j = 0; j < mask.length; j++) {
                int d = distance(i, j, columns);
                if (mask[j] && j != i && d <= distances.near()) {
                    near += cos[i][j];
                    nearCount++;
                } else if (!mask[j] && d >= distances.far()) {
                    far += cos[i][j];
                    farCount++;
                }
            }
            if (nearCount > 0 && farCount > 0) {
                sum += near / nearCount - far / farCount;
                anchors++;
            }
        }
        return anchors == 0 ? OptionalDouble.empty() : OptionalDouble.of(sum / anchors);
    }
}
