package io.github.maskalign.core.evaluate;

import java.util.List;
import java.util.Optional;

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
