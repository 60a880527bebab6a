package io.github.maskalign.core.evaluate;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import io.github.maskalign.core.evaluate.internal.FeatureAccumulator.GroupedAccumulator;
import io.github.maskalign.core.evaluate.internal.FeatureMatrix;
import io.github.maskalign.core.evaluate.internal.FeatureStatistics;
import io.github.maskalign.core.evaluate.internal.FeatureStatistics.FrechetDistance;
import io.github.maskalign.core.evaluate.internal.KernelDistance;
import io.github.maskalign.core.evaluate.internal.PrecisionRecall;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Compares samples with a reference.
 *
 * @param metrics what to measure
 * @param neighbours k of precision and recall
 * @param kernel subsets of the kernel distance
 */
public record Evaluation(Set<Metric> metrics, int neighbours, KernelDistance kernel) {
    /** Samples below which the literature's numbers are not reached: the Fréchet distance is biased upwards. */
    public static final int FEW_SAMPLES = 10_000;

    /** Copies the set. */
    public Evaluation {
        if (metrics.isEmpty()) {
            throw new IllegalArgumentException("at least one metric must be asked for");
        }
        metrics = Set.copyOf(metrics);
    }

    /** Measures these with the usual settings: three neighbours, a hundred subsets of 1,000. */
    public static Evaluation of(Set<Metric> metrics) {
        return new Evaluation(metrics, PrecisionRecall.NEIGHBOURS, KernelDistance.USUAL);
    }

    /**
     * Measures.
     *
     * @param manager on whose device it is computed, that of the collected features
     * @throws IllegalArgumentException if reference and samples are of different feature spaces, or one lacks what a
     *     metric needs, with all that is missing
     */
    public EvaluationResult compare(NDManager manager, Reference reference, FeatureCollector samples) {
        requireComparable(reference, samples);
        Map<Metric, Estimate> found = new EnumMap<>(Metric.class);
        for (Metric metric : List.of(Metric.FID, Metric.SFID)) {
            if (metrics.contains(metric)) {
                found.put(metric, frechet(manager, metric, reference, samples));
            }
        }
        if (metrics.contains(Metric.IS)) {
            found.put(Metric.IS, samples.score().orElseThrow().estimate());
        }
        if (metrics.contains(Metric.PRECISION) || metrics.contains(Metric.RECALL)) {
            PrecisionRecall both = PrecisionRecall.of(
                    manager,
                    Objects.requireNonNull(reference.rows()),
                    samples.rows().orElseThrow(),
                    neighbours);
            found.put(Metric.PRECISION, both.precision());
            found.put(Metric.RECALL, both.recall());
        }
        if (metrics.contains(Metric.KID)) {
            found.put(
                    Metric.KID,
                    kernel.between(
                            manager,
                            Objects.requireNonNull(reference.rows()),
                            samples.rows().orElseThrow()));
        }
        List<MetricValue> values = new ArrayList<>();
        found.forEach((metric, estimate) -> {
            if (metrics.contains(metric)) {
                values.add(new MetricValue(metric, metric.title(samples.space()), estimate));
            }
        });
        return new EvaluationResult(samples.count(), samples.space(), values, warnings(reference, samples));
    }

    private static Estimate frechet(NDManager manager, Metric metric, Reference reference, FeatureCollector samples) {
        FeatureStatistics target =
                Objects.requireNonNull(metric == Metric.SFID ? reference.spatial() : reference.pooled());
        GroupedAccumulator groups = samples.groups(metric).orElseThrow();
        try (FrechetDistance distance = new FrechetDistance(manager, target)) {
            double value = distance.to(groups.all());
            double[] without = new double[groups.omissible()];
            for (int g = 0; g < without.length; g++) {
                without[g] = distance.to(groups.without(g));
            }
            return Estimate.jackknife(value, without);
        }
    }

    /**
     * Checks, before the samples are computed, that a reference has what the metrics need.
     *
     * @throws IllegalArgumentException if it is of another feature space or lacks something, with all that is missing
     */
    public void requireReference(Reference reference, FeatureSpace space) {
        throwAny(problems(reference, space));
    }

    private void requireComparable(Reference reference, FeatureCollector samples) {
        List<String> problems = problems(reference, samples.space());
        for (Metric metric : EnumSet.copyOf(metrics)) {
            if (samples.space().supports(metric) && !collected(metric, samples)) {
                problems.add("what " + metric.id() + " needs was not collected from the samples");
            }
        }
        if (samples.count() < 2) {
            problems.add("there must be at least 2 samples but there are " + samples.count());
        }
        throwAny(problems);
    }

    private List<String> problems(Reference reference, FeatureSpace space) {
        List<String> problems = new ArrayList<>();
        if (!reference.identity().isEmpty() && !reference.identity().equals(space.identity())) {
            problems.add("the reference holds features of " + reference.identity() + " but the samples those of "
                    + space.identity());
        }
        requireWidth(problems, "pooled", reference.pooled(), space.width());
        requireWidth(problems, "spatial", reference.spatial(), space.spatialWidth());
        for (Metric metric : EnumSet.copyOf(metrics)) {
            if (!space.supports(metric)) {
                problems.add(space.name() + " has not what " + metric.id() + " needs");
            } else if (!reference.supports(metric)) {
                problems.add("the reference has not what " + metric.id() + " needs");
            }
        }
        return problems;
    }

    private static void throwAny(List<String> problems) {
        if (!problems.isEmpty()) {
            throw new IllegalArgumentException(String.join("; ", problems));
        }
    }

    private void requireWidth(List<String> problems, String what, @Nullable FeatureStatistics statistics, int width) {
        boolean needed = metrics.contains(what.equals("spatial") ? Metric.SFID : Metric.FID);
        if (needed && statistics != null && statistics.width() != width) {
            problems.add(
                    "the reference has " + statistics.width() + " " + what + " features but the samples have " + width);
        }
    }

    private static boolean collected(Metric metric, FeatureCollector samples) {
        return switch (metric) {
            case FID, SFID -> samples.groups(metric).isPresent();
            case IS -> samples.score().isPresent();
            case PRECISION, RECALL, KID -> samples.rows().isPresent();
        };
    }

    private List<String> warnings(Reference reference, FeatureCollector samples) {
        List<String> warnings = new ArrayList<>();
        long n = samples.count();
        FeatureSpace space = samples.space();
        if (n < FEW_SAMPLES) {
            warnings.add("There are " + n + " samples. Below " + FEW_SAMPLES
                    + " these numbers can be compared with each other at the same number of samples, not with published"
                    + " ones, which take 50000.");
        }
        singular(warnings, Metric.FID, "samples", n, space.width());
        singular(warnings, Metric.SFID, "samples", n, space.spatialWidth());
        if (reference.pictures() > 0) {
            singular(warnings, Metric.FID, "reference pictures", reference.pictures(), space.width());
            singular(warnings, Metric.SFID, "reference pictures", reference.pictures(), space.spatialWidth());
        }
        if (metrics.contains(Metric.KID) && n <= kernel.subsetSize()) {
            warnings.add("Every subset of " + Metric.KID.id() + " holds all " + n
                    + " samples, so its error says nothing of how far other samples would move it.");
        }
        if (reference.identity().isEmpty()) {
            warnings.add("The reference file does not say whose features it holds; they are taken to be those of "
                    + space.name() + ".");
        }
        return warnings;
    }

    private void singular(List<String> warnings, Metric metric, String what, long n, int width) {
        if (metrics.contains(metric) && n <= width) {
            warnings.add("There are " + n + " " + what + " for " + width
                    + " features, so their covariance is singular and " + metric.id() + " far from its limit.");
        }
    }

    /**
     * What came out.
     *
     * @param samples number of samples
     * @param space whose features were compared
     * @param values one for each metric, in the order of {@link Metric}
     * @param warnings what a reader of the numbers must know, in sentences
     */
    public record EvaluationResult(long samples, FeatureSpace space, List<MetricValue> values, List<String> warnings) {
        /** Copies the lists. */
        public EvaluationResult {
            values = List.copyOf(values);
            warnings = List.copyOf(warnings);
        }

        /** Returns the number of a metric, if it was measured. */
        public Optional<Estimate> get(Metric metric) {
            return values.stream()
                    .filter(v -> v.metric() == metric)
                    .map(MetricValue::estimate)
                    .findFirst();
        }
    }

    /**
     * One number of a result.
     *
     * @param metric what was measured
     * @param title what to call it; says so if it is not the metric of the literature
     * @param estimate the number and its error
     */
    public record MetricValue(Metric metric, String title, Estimate estimate) {}

    /**
     * What samples are compared with.
     *
     * @param identity identity of the feature space; empty if the file does not say
     * @param pictures pictures the statistics were taken from; 0 if that is not known
     * @param resolution width and height of the pictures, such as {@code 256x256}; empty if that is not known
     * @param pooled statistics of the pooled features, for FID
     * @param spatial statistics of the spatial features, for sFID
     * @param rows features of pictures, for precision, recall and KID; owned by whoever made them
     */
    public record Reference(
            String identity,
            long pictures,
            String resolution,
            @Nullable FeatureStatistics pooled,
            @Nullable FeatureStatistics spatial,
            @Nullable FeatureMatrix rows) {
        /** Returns this reference of pictures of a known size. */
        public Reference withResolution(String found) {
            return new Reference(identity, pictures, found, pooled, spatial, rows);
        }

        /** Returns whether there is what a metric needs of the reference. */
        public boolean supports(Metric metric) {
            return switch (metric) {
                case FID -> pooled != null;
                case SFID -> spatial != null;
                case IS -> true;
                case PRECISION, RECALL, KID -> rows != null;
            };
        }
    }

    /**
     * A number and how uncertain it is.
     *
     * @param value the number
     * @param error its standard error or spread, at least 0; empty if it cannot be told
     * @param errorIs what the error is, in a few words
     */
    public record Estimate(double value, OptionalDouble error, String errorIs) {
        /** Checks the numbers. */
        public Estimate {
            if (!Double.isFinite(value)) {
                throw new IllegalArgumentException("an estimate must be finite but was " + value);
            }
            if (error.isPresent() && !(error.getAsDouble() >= 0 && Double.isFinite(error.getAsDouble()))) {
                throw new IllegalArgumentException(
                        "an error must be finite and at least 0 but was " + error.getAsDouble());
            }
        }

        /** An estimate of which no error is known. */
        public static Estimate alone(double value) {
            return new Estimate(value, OptionalDouble.empty(), "not estimated");
        }

        /**
         * The delete-a-group jackknife: with θ₍g₎ computed without group g of G and θ̄ their mean,
         * error² = (G − 1)/G Σ (θ₍g₎ − θ̄)².
         *
         * @param value computed from all pictures
         * @param without computed without one group each
         */
        public static Estimate jackknife(double value, double[] without) {
            int groups = without.length;
            if (groups < 2) {
                return alone(value);
            }
            double variance = spread(without) * (groups - 1) / groups * (groups - 1);
            return new Estimate(
                    value,
                    OptionalDouble.of(Math.sqrt(variance)),
                    "standard error, jackknife over " + groups + " groups of samples");
        }

        /**
         * A share of n points and its bootstrap error over these points, which has the closed form √(p(1 − p)/n).
         *
         * @param points what the points are
         */
        public static Estimate share(long hits, long n, String points) {
            double p = (double) hits / n;
            return new Estimate(
                    p, OptionalDouble.of(Math.sqrt(p * (1 - p) / n)), "standard error, bootstrap over " + points);
        }

        /** The mean of parts and their standard deviation (the root of the mean squared deviation), as the field prints it. */
        public static Estimate overParts(double[] parts, String what) {
            double mean = mean(parts);
            double sum = 0;
            for (double part : parts) {
                sum += (part - mean) * (part - mean);
            }
            return parts.length < 2
                    ? alone(mean)
                    : new Estimate(
                            mean,
                            OptionalDouble.of(Math.sqrt(sum / parts.length)),
                            "standard deviation over " + parts.length + " " + what);
        }

        private static double mean(double[] values) {
            double sum = 0;
            for (double value : values) {
                sum += value;
            }
            return sum / values.length;
        }

        /** The unbiased variance. */
        private static double spread(double[] values) {
            double mean = mean(values);
            double sum = 0;
            for (double value : values) {
                sum += (value - mean) * (value - mean);
            }
            return sum / (values.length - 1);
        }
    }
}
