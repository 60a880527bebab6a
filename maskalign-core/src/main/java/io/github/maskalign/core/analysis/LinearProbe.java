package io.github.maskalign.core.analysis;

import io.github.maskalign.core.analysis.Measured.Chance;
import io.github.maskalign.core.analysis.Measured.Resampling;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * What a linear classifier reads from features: ridge regression on the classes' indicators, solved exactly.
 *
 * <pre>
 * W = (XᵀX / n + λ I)⁻¹ XᵀY / n,  class of x = argmax (x W + ȳ)
 * </pre>
 *
 * <p>X are the features minus mean, over standard deviation, Y the indicators minus their mean ȳ, both of the training rows
 * alone. Rows of one group, such as the tokens of a picture, are never on both sides of a split. A share of the groups is held
 * out for the accuracy; λ is the one of the list with the best accuracy over the folds of the rest, the greatest if several are
 * equal. No step of this is iterative, so the same data and seed give the same classifier.
 *
 * @param accuracy share of held-out rows whose class is found. Chance is to guess the training rows' most frequent class. With one
 *     row for each group intervals are Wilson's and the p-value is binomial; else both are the bootstrap's over groups, since
 *     rows of a group are alike, and the p-value is the share of resamples in which guessing is as good
 * @param regularisation the λ chosen
 * @param foldAccuracy accuracy of each λ of the list over the folds
 * @param trainingRows rows that the classifier was fitted to
 * @param testRows rows held out
 */
public record LinearProbe(
        Measured accuracy, double regularisation, List<Double> foldAccuracy, int trainingRows, int testRows) {

    public LinearProbe {
        foldAccuracy = List.copyOf(foldAccuracy);
    }

    /**
     * How a probe is fitted.
     *
     * @param regularisations the λ to choose from, above 0, of features with variance 1
     * @param folds in how many parts the training groups are split to choose, at least 2
     * @param testShare share of the groups held out, in (0, 1)
     */
    public record Settings(List<Double> regularisations, int folds, double testShare) {
        /** λ of 10⁻⁴ to 10² by tens, 5 folds, a fifth held out. */
        public static final Settings DEFAULT = new Settings(List.of(1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2), 5, 0.2);

        public Settings {
            regularisations = List.copyOf(regularisations);
            if (regularisations.isEmpty() || regularisations.stream().anyMatch(l -> !(l > 0) || l.isInfinite())) {
                throw new IllegalArgumentException(
                        "regularisations must be numbers above 0 but were " + regularisations);
            }
            if (folds < 2) {
                throw new IllegalArgumentException("folds must be at least 2 but was " + folds);
            }
            Measured.checkShare("testShare", testShare);
        }
    }

    /** Fits and tests a probe of pictures, each row a group of its own. */
    public static LinearProbe fit(float[][] features, int[] labels, Settings settings, Resampling resampling) {
        return fit(features, labels, IntStream.range(0, labels.length).toArray(), settings, resampling);
    }

    /**
     * Fits and tests a probe.
     *
     * @param features (rows, width), finite
     * @param labels class of each row, any numbers of at least 2 kinds
     * @param groups group of each row, any numbers
     * @throws IllegalArgumentException also if there are fewer groups than folds and one to hold out
     */
    public static LinearProbe fit(
            float[][] features, int[] labels, int[] groups, Settings settings, Resampling resampling) {
        if (features.length == 0 || features.length != labels.length || features.length != groups.length) {
            throw new IllegalArgumentException("there must be a label and a group for each row but there are "
                    + features.length + " rows, " + labels.length + " labels and " + groups.length + " groups");
        }
        Gram.checkFeatures("features", features);
        int[] classes = indices(labels);
        int[] group = indices(groups);
        int classCount = Arrays.stream(classes).max().orElseThrow() + 1;
        int groupCount = Arrays.stream(group).max().orElseThrow() + 1;
        int held = (int) Math.max(1, Math.round(settings.testShare() * groupCount));
        if (classCount < 2 || groupCount - held < settings.folds()) {
            throw new IllegalArgumentException("a probe needs at least 2 classes, and a group for each of "
                    + settings.folds() + " folds besides those held out, but there are " + classCount
                    + " classes, " + groupCount + " groups and " + held + " held out");
        }
        int[] order = Resampled.permutation(resampling.at("probe", 0), groupCount);
        int[] part = new int[groupCount]; // -1 is held out
        for (int i = 0; i < groupCount; i++) {
            part[order[i]] = i < held ? -1 : i % settings.folds();
        }
        int[] parts = Arrays.stream(group).map(g -> part[g]).toArray();
        RidgeSums[] sums = new RidgeSums[settings.folds()];
        double[] offset = RidgeSums.mean(features); // any offset gives the same classifier
        for (int fold = 0; fold < sums.length; fold++) {
            sums[fold] = RidgeSums.of(features, classes, rows(parts, fold), classCount, offset);
        }
        RidgeSums all = Arrays.stream(sums).reduce(RidgeSums::plus).orElseThrow();
        int[] right = new int[settings.regularisations().size()];
        for (int fold = 0; fold < sums.length; fold++) {
            int left = fold;
            RidgeSums others = IntStream.range(0, sums.length)
                    .filter(other -> other != left)
                    .mapToObj(other -> sums[other])
                    .reduce(RidgeSums::plus)
                    .orElseThrow();
            int[] rows = rows(parts, fold);
            for (int l = 0; l < right.length; l++) {
                boolean[] hits = others.solve(settings.regularisations().get(l)).hits(features, classes, rows);
                right[l] += count(hits);
            }
        }
        double lambda = best(settings.regularisations(), right);
        int[] test = rows(parts, -1);
        boolean[] hits = all.solve(lambda).hits(features, classes, test);
        int[] testGroups = Arrays.stream(test).map(i -> group[i]).toArray();
        boolean[] guesses = new boolean[test.length];
        for (int i = 0; i < guesses.length; i++) {
            guesses[i] = classes[test[i]] == all.frequent();
        }
        return new LinearProbe(
                accuracy(hits, guesses, testGroups, resampling),
                lambda,
                Arrays.stream(right).mapToObj(r -> (double) r / all.rows()).toList(),
                all.rows(),
                test.length);
    }

    /** The one with most rows read right, the greatest of equal ones. */
    private static double best(List<Double> regularisations, int[] right) {
        int best = 0;
        for (int l = 1; l < right.length; l++) {
            boolean stronger = regularisations.get(l) > regularisations.get(best);
            best = right[l] > right[best] || right[l] == right[best] && stronger ? l : best;
        }
        return regularisations.get(best);
    }

    private static Measured accuracy(boolean[] hits, boolean[] guesses, int[] groups, Resampling resampling) {
        Measured guessed = Measured.proportion(count(guesses), guesses.length, resampling.level());
        if (Arrays.stream(groups).distinct().count() == groups.length) {
            double p = Distributions.binomialTail(hits.length, guessed.value(), count(hits));
            return Measured.proportion(count(hits), hits.length, resampling.level())
                    .withChance(new Chance(guessed.value(), guessed.error(), guessed.low(), guessed.high(), p));
        }
        int[] group = indices(groups);
        int groupCount = Arrays.stream(group).max().orElseThrow() + 1;
        double[][] counts = new double[groupCount][3]; // hits, guesses, rows
        for (int i = 0; i < hits.length; i++) {
            counts[group[i]][0] += hits[i] ? 1 : 0;
            counts[group[i]][1] += guesses[i] ? 1 : 0;
            counts[group[i]][2]++;
        }
        double[][] replicates = Resampled.replicateAll(resampling, "accuracy", groupCount, rows -> {
            double[] sums = new double[3];
            for (int row : rows) {
                for (int i = 0; i < sums.length; i++) {
                    sums[i] += counts[row][i];
                }
            }
            return new double[] {sums[0] / sums[2], sums[1] / sums[2]};
        });
        double level = resampling.level();
        Measured guess = Resampled.basic(guessed.value(), Resampled.column(replicates, 1), level, 0, 1);
        long noBetter = Arrays.stream(replicates).filter(r -> r[0] <= r[1]).count();
        double p = (1.0 + noBetter) / (1.0 + replicates.length);
        return Resampled.basic((double) count(hits) / hits.length, Resampled.column(replicates, 0), level, 0, 1)
                .withChance(new Chance(guess.value(), guess.error(), guess.low(), guess.high(), p));
    }

    private static int count(boolean[] hits) {
        int count = 0;
        for (boolean hit : hits) {
            count += hit ? 1 : 0;
        }
        return count;
    }

    private static int[] rows(int[] parts, int part) {
        return IntStream.range(0, parts.length).filter(i -> parts[i] == part).toArray();
    }

    /** The numbers' places among all kinds of them, ascending. */
    private static int[] indices(int[] numbers) {
        Map<Integer, Integer> places = new HashMap<>();
        for (int number : new TreeSet<>(Arrays.stream(numbers).boxed().toList())) {
            places.put(number, places.size());
        }
        return Arrays.stream(numbers)
                .map(number -> Optional.ofNullable(places.get(number)).orElseThrow())
                .toArray();
    }
}
