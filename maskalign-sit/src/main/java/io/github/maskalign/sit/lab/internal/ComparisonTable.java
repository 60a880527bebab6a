package io.github.maskalign.sit.lab.internal;

import io.github.maskalign.core.evaluate.Metric;
import io.github.maskalign.sit.lab.ComparisonPlan;
import io.github.maskalign.sit.lab.internal.Cell.Outcome;
import io.github.maskalign.sit.run.internal.Protocol;
import io.github.maskalign.sit.run.internal.ScoreId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The last scores of all cells, by what was measured and by the protocol: scores of different protocols never meet in a
 * column.
 *
 * @param plan the plan
 * @param finished what the finished cells left
 */
record ComparisonTable(ComparisonPlan plan, Map<Cell, Outcome> finished) {
    private static final String PREFIX = "eval/";

    /**
     * What was measured, and how.
     *
     * @param score name in {@code stats.jsonl}
     * @param protocol fingerprint of the protocol; empty if it was not recorded
     */
    record Column(String score, String protocol) {
        String id() {
            return score.substring(PREFIX.length());
        }

        /** Whether less is better; empty where neither is. */
        Optional<Boolean> lowerIsBetter() {
            return Metric.ofFile(id()).map(Metric::lowerIsBetter);
        }
    }

    List<Column> columns() {
        Map<String, Column> found = new TreeMap<>();
        finished.values()
                .forEach(outcome -> outcome.scores().keySet().stream()
                        .filter(score -> score.startsWith(PREFIX) && isScore(score))
                        .forEach(score -> {
                            Column column = new Column(score, protocol(outcome, score));
                            found.put(score + " " + column.protocol(), column);
                        }));
        return new ArrayList<>(found.values());
    }

    /** Errors and spreads stand beside their scores, and are none themselves. */
    private static boolean isScore(String score) {
        return !score.endsWith("_se")
                && !score.endsWith("_sd")
                && Metric.ofFile(score.substring(PREFIX.length())).isPresent();
    }

    private static String protocol(Outcome outcome, String score) {
        double number = outcome.last(ScoreId.protocol(score, outcome.scores().keySet()));
        return Double.isNaN(number) ? "" : Protocol.fingerprint(number);
    }

    /** Returns the last value of each seed that has one. */
    Map<Long, Double> bySeed(String variant, Column column) {
        Map<Long, Double> values = new LinkedHashMap<>();
        finished.forEach((cell, outcome) -> {
            double value = outcome.last(column.score());
            if (cell.variant().equals(variant)
                    && Double.isFinite(value)
                    && protocol(outcome, column.score()).equals(column.protocol())) {
                values.put(cell.seed(), value);
            }
        });
        return values;
    }

    /** Returns a variant's differences to the baseline, over the seeds that both have. */
    ScoreSummary difference(String variant, Column column) {
        Map<Long, Double> own = bySeed(variant, column);
        Map<Long, Double> other = bySeed(plan.reference(), column);
        List<Double> differences = new ArrayList<>();
        for (long seed : new TreeSet<>(own.keySet())) {
            Double value = own.get(seed);
            Double base = other.get(seed);
            if (value != null && base != null) {
                differences.add(value - base);
            }
        }
        return ScoreSummary.of(differences);
    }
}
