package io.github.maskalign.core.analysis;

import io.github.maskalign.core.analysis.Measured.Chance;
import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.analysis.Resampled.Tail;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleBiFunction;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Which positions of a grid have the highest scores of their picture, such as the gradient norms of the alignment loss, over
 * many pictures: MaskAlign Sec. 4.1, with the null models that its figures lack.
 *
 * <p>Of each picture m the {@code k_m = round(share · N_m)} highest of the N_m positions seen are taken; share is 0.1 in
 * the paper. c_i counts how often position i is among them and v_i how often it is seen, {@code P_i = c_i / v_i}. In a full
 * forward all positions are seen and v_i = M. Only the order within a picture matters, so scores may have any scale; equal scores
 * fall to positions at random, by a fixed hash.
 *
 * <p>The measures' chance is, unless they say otherwise, uniformly random sets of the same sizes among the same
 * positions, as many as there are pictures.
 */
public final class PositionScores {
    private final Grid grid;
    private final double[][] scores;
    private final TopSets sets;
    private final double share;
    private final boolean full;

    private PositionScores(Grid grid, double[][] scores, boolean @Nullable [][] visible, double share) {
        this.grid = grid;
        if (scores.length < 2) {
            throw new IllegalArgumentException("scores must be of at least 2 pictures but are of " + scores.length);
        }
        Measured.checkShare("share", share);
        this.share = share;
        this.scores = new double[scores.length][];
        for (int m = 0; m < scores.length; m++) {
            grid.check("scores of picture " + m, scores[m].length);
            this.scores[m] = scores[m].clone();
        }
        sets = TopSets.of(grid, this.scores, visible, share);
        full = visible == null;
        int[] views = sets.seenCounts();
        for (int i = 0; i < views.length; i++) {
            if (views[i] == 0) {
                throw new IllegalArgumentException(
                        "position " + i + " is seen in none of the " + scores.length + " pictures: take more of them");
            }
        }
    }

    /**
     * Takes scores of a full forward, where every position is seen.
     *
     * @param scores (pictures, positions), finite, positions row-major on the grid
     * @param share what share of a picture's positions is its top, in (0, 1)
     */
    public static PositionScores full(double[][] scores, int rows, int columns, double share) {
        return new PositionScores(new Grid(rows, columns), scores, null, share);
    }

    /**
     * Takes scores of masked forwards: the top is found among the positions seen.
     *
     * @param scores (pictures, positions); those of positions not seen may be anything
     * @param visible (pictures, positions), whether a position is seen; every position in some picture
     */
    public static PositionScores masked(double[][] scores, boolean[][] visible, int rows, int columns, double share) {
        Grid grid = new Grid(rows, columns);
        if (visible.length != scores.length) {
            throw new IllegalArgumentException(
                    "there are scores of " + scores.length + " pictures but masks of " + visible.length);
        }
        for (int m = 0; m < visible.length; m++) {
            grid.check("mask of picture " + m, visible[m].length);
        }
        return new PositionScores(grid, scores, visible, share);
    }

    /**
     * A number for each position.
     *
     * @param values row-major, rows · columns numbers
     */
    public record PositionMap(int rows, int columns, double[] values) {
        public PositionMap {
            new Grid(rows, columns).check("map", values.length);
            Measured.checkValues("map", values, 1);
            values = values.clone();
        }

        /** Returns the map with its columns in reverse order. */
        public PositionMap mirrored() {
            return new PositionMap(rows, columns, new Grid(rows, columns).mirrored(values));
        }

        /**
         * Returns Spearman's ρ with another map, by average ranks, without an interval. Its chance are the shifts of one map on
         * the torus, or {@code turned} those of all its mirror images and quarter turns too; NaN if a map is constant.
         */
        public Measured spearman(PositionMap other, boolean turned) {
            Grid grid = new Grid(rows, columns);
            if (other.rows != rows || other.columns != columns) {
                throw new IllegalArgumentException("maps of " + rows + " x " + columns + " and " + other.rows + " x "
                        + other.columns + " positions cannot be compared");
            }
            double value = Ranks.spearman(values, other.values);
            Chance chance = grid.shiftChance(values, other.values, value, turned, 0.95);
            return new Measured(value, Double.NaN, Double.NaN, Double.NaN, Optional.of(chance));
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof PositionMap map
                    && map.rows == rows
                    && map.columns == columns
                    && Arrays.equals(map.values, values);
        }

        @Override
        public int hashCode() {
            return 31 * (31 * rows + columns) + Arrays.hashCode(values);
        }
    }

    /**
     * How uneven a map of P is.
     *
     * @param spread max P / min P with P = (c + 0.5) / (v + 1); of little meaning below about 200 pictures
     * @param uniformity {@code Q = (N−1)/N · Σ (c_i − e_i)² / s_i}, e_i = Σ p_m and s_i = Σ p_m (1 − p_m) over the pictures that
     *     show i, p_m = k_m / N_m; mean N − 1 by chance
     * @param chiSquared p-value of Q by the χ² distribution with N − 1 degrees
     * @param entropy −Σ q ln q / ln N with q = P / ΣP; 1 is flat, the p-value is of the lower tail
     * @param totalVariation ½ Σ |q_i − 1/N|
     * @param moran Moran's I over rook neighbours; by chance the values stand at random places, mean −1 / (N − 1)
     * @param rings mean P at each distance 0, 1, … from the edge; p-values of the upper tail
     */
    public record Preference(
            Measured spread,
            Measured uniformity,
            double chiSquared,
            Measured entropy,
            Measured totalVariation,
            Measured moran,
            List<Measured> rings) {
        public Preference {
            rings = List.copyOf(rings);
        }
    }

    /**
     * How alike the maps of two sets of scores are.
     *
     * @param spearman ρ of the maps of P; by chance one is moved on the torus
     * @param overlap |A ∩ B| / k of the k = round(share · N) highest positions A and B of the maps; hypergeometric by chance, mean k / N. Positions equal at
     *     the k-th place share what is left of k
     * @param jaccard |A ∩ B| / |A ∪ B| of the same sets
     */
    public record Relation(Measured spearman, Measured overlap, Measured jaccard) {}

    /**
     * How well half of the pictures tells the other half's map.
     *
     * @param half mean ρ of the maps of random halves
     * @param whole mean of 2ρ / (1 + ρ), what Spearman and Brown expect of all pictures: the upper bound for any ρ with
     *     another map. The intervals hold the level's share of the halvings and are not about other pictures
     */
    public record Reliability(Measured half, Measured whole) {}

    /**
     * Whether a map follows the pictures' content when they are flipped from left to right.
     *
     * @param mirrored ρ of the flipped pictures' map and the mirrored map: high if the content decides
     * @param unmirrored ρ of the flipped pictures' map and the map itself: high if the place decides, and always for symmetric
     *     maps
     */
    public record Mirror(Measured mirrored, Measured unmirrored) {}

    /** Returns the number of pictures, M. */
    public int pictures() {
        return sets.pictures();
    }

    /** Returns c, how often each position is in its picture's top. */
    public int[] counts() {
        return sets.counts();
    }

    /** Returns v, how often each position is seen. */
    public int[] seen() {
        return sets.seenCounts();
    }

    /** Returns the size of each picture's top, k_m. */
    public int[] topSizes() {
        return Arrays.stream(sets.tops()).mapToInt(top -> top.length).toArray();
    }

    /** Returns the map of P_i = c_i / v_i. */
    public PositionMap map() {
        return new PositionMap(grid.rows(), grid.columns(), sets.probabilities());
    }

    /** Returns how uneven the map is. */
    public Preference preference(Resampling resampling) {
        double[] values = sets.statistics();
        double level = resampling.level();
        double[][] replicates = Resampled.replicateAll(
                resampling, "preference", pictures(), rows -> sets.rows(rows).statistics());
        double[][] draws = Resampled.draw(
                resampling, "uniform sets", random -> sets.random(random).statistics());
        Measured[] found = new Measured[values.length];
        for (int s = 0; s < values.length; s++) {
            double[] again = Resampled.column(replicates, s);
            Measured interval = s == TopSets.SPREAD
                    ? Resampled.basicRatio(values[s], again, level)
                    : Resampled.basic(values[s], again, level, least(s), most(s));
            Tail tail = s == TopSets.ENTROPY ? Tail.LOWER : Tail.UPPER;
            Chance chance = s == TopSets.MORAN
                    ? grid.moranChance(sets.probabilities(), values[s], resampling)
                    : Resampled.chance(values[s], Resampled.column(draws, s), level, tail);
            found[s] = interval.withChance(chance);
        }
        return new Preference(
                found[TopSets.SPREAD],
                found[TopSets.UNIFORMITY],
                Distributions.chiSquaredTail(values[TopSets.UNIFORMITY], grid.size() - 1.0),
                found[TopSets.ENTROPY],
                found[TopSets.VARIATION],
                found[TopSets.MORAN],
                List.of(found).subList(TopSets.RINGS, found.length));
    }

    private static double least(int statistic) {
        return statistic == TopSets.MORAN ? Double.NEGATIVE_INFINITY : 0;
    }

    private static double most(int statistic) {
        return statistic == TopSets.UNIFORMITY || statistic == TopSets.MORAN ? Double.POSITIVE_INFINITY : 1;
    }

    /**
     * Returns Kendall's W of the pictures' rankings of all positions,
     * {@code 12 Σ (R_i − R̄)² / (M² (N³ − N) − M Σ (t³ − t))} with groups of t equal scores; 1 if all pictures agree. By chance
     * {@code W · M (N − 1)} is about χ² with N − 1 degrees.
     *
     * @throws IllegalStateException if the scores are of masked forwards, where pictures rank different positions
     */
    public Measured kendall(Resampling resampling) {
        if (!full) {
            throw new IllegalStateException(
                    "Kendall's W needs scores of full forwards, where all positions are ranked");
        }
        return PictureRanks.kendall(scores, resampling);
    }

    /**
     * Returns the position's share η² = SS_position / SS_total of ln(score) after each picture's mean is subtracted. By chance
     * the scores stand at random among the positions that their picture shows.
     *
     * @throws IllegalArgumentException if a score is not above 0
     */
    public Measured positionShare(Resampling resampling) {
        return PictureRanks.share(scores, sets.seen(), resampling);
    }

    /** Returns ρ between maps of random halves, as many as there are draws; by chance one half's map is moved on the torus. */
    public Reliability splitHalf(Resampling resampling) {
        if (pictures() < 4) {
            throw new IllegalStateException("halves need at least 4 pictures but there are " + pictures());
        }
        double[][] draws = Resampled.draw(resampling, "halves", random -> {
            int[] order = Resampled.permutation(random, pictures());
            int middle = order.length / 2;
            double[] a = sets.rows(Arrays.copyOf(order, middle)).probabilities();
            double[] b =
                    sets.rows(Arrays.copyOfRange(order, middle, order.length)).probabilities();
            int shift = 1 + random.nextInt(grid.size() - 1);
            double moved = Ranks.spearman(a, grid.shifted(b, shift / grid.columns(), shift % grid.columns()));
            double rho = Ranks.spearman(a, b);
            return new double[] {rho, spearmanBrown(rho), moved, spearmanBrown(moved)};
        });
        return new Reliability(
                ofSplits(Resampled.column(draws, 0), Resampled.column(draws, 2), resampling.level()),
                ofSplits(Resampled.column(draws, 1), Resampled.column(draws, 3), resampling.level()));
    }

    private static double spearmanBrown(double rho) {
        return rho <= -1 ? -1 : Math.max(-1, 2 * rho / (1 + rho));
    }

    private static Measured ofSplits(double[] values, double[] moved, double level) {
        double[] sorted = Resampled.sorted(values);
        if (sorted.length < 2) {
            return new Measured(Double.NaN, Double.NaN, Double.NaN, Double.NaN, Optional.empty());
        }
        double mean = Resampled.mean(sorted);
        double a = (1 - level) / 2;
        return new Measured(
                mean,
                Math.sqrt(Resampled.variance(sorted)),
                Resampled.quantile(sorted, a),
                Resampled.quantile(sorted, 1 - a),
                Optional.of(Resampled.chance(mean, moved, level, Tail.UPPER)));
    }

    /**
     * Returns how alike this map and another are.
     *
     * @param samePictures whether both are of the same pictures in the same order, which are then resampled together
     * @param turned whether chance also turns and mirrors the map
     */
    public Relation relation(PositionScores other, boolean samePictures, boolean turned, Resampling resampling) {
        checkAlike(other, samePictures);
        int k = Math.max(1, Math.toIntExact(Math.round(share * grid.size())));
        double level = resampling.level();
        double[] a = sets.probabilities();
        double[] b = other.sets.probabilities();
        Measured spearman = related(other, samePictures, x -> x, Ranks::spearman, resampling, -1);
        Measured overlap = related(other, samePictures, x -> x, (x, y) -> Overlap.common(x, y, k) / k, resampling, 0);
        Measured jaccard = related(
                other, samePictures, x -> x, (x, y) -> Overlap.jaccard(Overlap.common(x, y, k), k), resampling, 0);
        return new Relation(
                spearman.withChance(grid.shiftChance(a, b, spearman.value(), turned, level)),
                overlap.withChance(Overlap.chance(grid.size(), k, overlap.value() * k, level, x -> x / k)),
                jaccard.withChance(
                        Overlap.chance(grid.size(), k, overlap.value() * k, level, x -> Overlap.jaccard(x, k))));
    }

    /**
     * Returns whether the map mirrors with the pictures.
     *
     * @param flipped scores of the same pictures in the same order, flipped from left to right
     */
    public Mirror mirror(PositionScores flipped, boolean turned, Resampling resampling) {
        checkAlike(flipped, true);
        double[] map = sets.probabilities();
        double[] of = flipped.sets.probabilities();
        Measured mirrored = related(flipped, true, grid::mirrored, Ranks::spearman, resampling, -1);
        Measured unmirrored = related(flipped, true, x -> x, Ranks::spearman, resampling, -1);
        double level = resampling.level();
        return new Mirror(
                mirrored.withChance(grid.shiftChance(grid.mirrored(map), of, mirrored.value(), turned, level)),
                unmirrored.withChance(grid.shiftChance(map, of, unmirrored.value(), turned, level)));
    }

    private void checkAlike(PositionScores other, boolean samePictures) {
        if (!other.grid.equals(grid)) {
            throw new IllegalArgumentException("scores on " + grid + " and " + other.grid + " cannot be compared");
        }
        if (samePictures && other.pictures() != pictures()) {
            throw new IllegalArgumentException(
                    "the same pictures must be equally many but there are " + pictures() + " and " + other.pictures());
        }
    }

    private Measured related(
            PositionScores other,
            boolean samePictures,
            UnaryOperator<double[]> image,
            ToDoubleBiFunction<double[], double[]> statistic,
            Resampling resampling,
            double least) {
        double[] map = sets.probabilities();
        double[] second = other.sets.probabilities();
        double value = statistic.applyAsDouble(image.apply(map), second);
        double[][] replicates = Resampled.draw(resampling, "relation", random -> {
            int[] rows = Resampled.rows(random, pictures());
            int[] others = samePictures ? rows : Resampled.rows(random, other.pictures());
            double[] x = sets.rows(rows).probabilities();
            double[] y = other.sets.rows(others).probabilities();
            return new double[] {statistic.applyAsDouble(image.apply(x), y)};
        });
        return Resampled.basic(value, Resampled.column(replicates, 0), resampling.level(), least, 1);
    }
}
