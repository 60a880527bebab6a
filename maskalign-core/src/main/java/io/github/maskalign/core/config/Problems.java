package io.github.maskalign.core.config;

import io.github.maskalign.core.config.ConfigException.ConfigProblem;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/** Collects the mistakes of one binding. */
final class Problems {
    private static final int KEPT = 1000;

    private final String source;
    private final List<String> allPaths;
    private final List<ConfigProblem> kept = new ArrayList<>();
    private int total;
    private int failures;

    /**
     * Starts with none.
     *
     * @param source name of the config
     * @param allPaths every key path of the config's type, for suggestions
     */
    Problems(String source, List<String> allPaths) {
        this.source = source;
        this.allPaths = allPaths;
    }

    /** Adds a mistake; the message becomes the path, a space and {@code rest}. */
    void add(Place place, String path, String rest) {
        failures++;
        total++;
        if (kept.size() < KEPT) {
            String message = (path.isEmpty() ? "the config" : path) + " " + rest;
            kept.add(new ConfigProblem(place.source(), place.line(), place.column(), path, message));
        }
    }

    /** A value is of the wrong type or out of range. */
    void addWrong(YamlNode node, String path, String allowed) {
        add(node.place(), path, "must be " + allowed + " but was " + Found.describe(node));
    }

    /** A mapping has a key that its record does not know. Returns the key of the record it was meant for, or "". */
    String addUnknown(Place place, String parent, String key, Collection<String> known) {
        if (kept.size() >= KEPT) {
            add(place, parent, "has an unknown key");
            return "";
        }
        String meant = Suggestion.nearest(key, known).orElse("");
        String hint = meant.isEmpty() ? Suggestion.elsewhere(key, allPaths).orElse("") : join(parent, meant);
        add(
                place,
                join(parent, Found.shorten(key)),
                "is not a known key"
                        + (hint.isEmpty() ? "" : "; did you mean " + hint + "?")
                        + (hint.isEmpty() ? "; the keys " : " The keys ")
                        + (parent.isEmpty() ? "" : "of " + parent + " ")
                        + (known.isEmpty() ? "are none" : "are " + String.join(", ", known)));
        return meant;
    }

    /** A value is missing because of a mistake that was added before. */
    void addFailure() {
        failures++;
    }

    /** How often something failed: a value is whole if this did not grow while it was bound. */
    int failures() {
        return failures;
    }

    /** Throws if there was any mistake. */
    void throwIfAny() {
        if (total > 0) {
            throw exception();
        }
    }

    private ConfigException exception() {
        kept.sort(Comparator.<ConfigProblem>comparingInt(p -> p.line() == 0 ? Integer.MAX_VALUE : p.line())
                .thenComparingInt(ConfigProblem::column));
        return new ConfigException(source, kept, total);
    }

    static String join(String parent, String key) {
        return parent.isEmpty() ? key : parent + "." + key;
    }
}
