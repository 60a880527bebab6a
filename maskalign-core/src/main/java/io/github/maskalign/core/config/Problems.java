package io.github.maskalign.core.config;

import io.github.maskalign.core.config.ConfigException.ConfigProblem;
import io.github.maskalign.core.config.YamlNode.Found;
import io.github.maskalign.core.config.YamlNode.Place;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

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
    String addUnknown(Place place, String parent, String key, Collection<String> components) {
        List<String> known = new ArrayList<>(components);
        if (parent.isEmpty()) { // the key that names a preset is no component
            allPaths.stream()
                    .filter(path -> path.indexOf('.') < 0 && !components.contains(path))
                    .forEach(known::add);
        }
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

    /** Guesses what a misspelt word was meant to be. */
    static final class Suggestion {
        private static final int LONGEST = 64;
        private static final int SHORTEST_PREFIX = 3;

        private Suggestion() {}

        /**
         * The known word nearest to the typed one, if it is near: about one edit in three letters, where an edit adds,
         * drops or replaces a letter or swaps two neighbours. Upper case, hyphens and underscores do not count. Failing
         * that, a known word that begins with the typed one.
         */
        static Optional<String> nearest(String typed, Collection<String> known) {
            String word = normal(typed);
            if (word.isEmpty() || word.length() > LONGEST) {
                return Optional.empty();
            }
            String best = "";
            int bestDistance = Integer.MAX_VALUE;
            for (String candidate : known) {
                int distance = distance(word, normal(candidate));
                if (distance < bestDistance) {
                    best = candidate;
                    bestDistance = distance;
                }
            }
            int shorter = Math.min(word.length(), normal(best).length());
            int longer = Math.max(word.length(), normal(best).length());
            if (bestDistance <= Math.max(1, longer / 3) && bestDistance < shorter) {
                return Optional.of(best);
            }
            return known.stream()
                    .filter(candidate -> word.length() >= SHORTEST_PREFIX
                            && normal(candidate).startsWith(word))
                    .findFirst();
        }

        /** The one path whose last key is the typed one, for keys that were put into the wrong section. */
        static Optional<String> elsewhere(String typed, List<String> paths) {
            String word = normal(typed);
            List<String> matches = paths.stream()
                    .filter(path ->
                            normal(path.substring(path.lastIndexOf('.') + 1)).equals(word))
                    .toList();
            return matches.size() == 1 ? Optional.of(matches.get(0)) : Optional.empty();
        }

        private static String normal(String word) {
            return word.toLowerCase(Locale.ROOT).replace("_", "").replace("-", "");
        }

        /** Optimal string alignment distance. */
        private static int distance(String a, String b) {
            int[][] d = new int[a.length() + 1][b.length() + 1];
            for (int i = 0; i <= a.length(); i++) {
                for (int j = 0; j <= b.length(); j++) {
                    if (i == 0 || j == 0) {
                        d[i][j] = i + j;
                        continue;
                    }
                    int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
                    d[i][j] = Math.min(d[i - 1][j - 1] + change, Math.min(d[i - 1][j], d[i][j - 1]) + 1);
                    boolean swapped =
                            i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1);
                    if (swapped) {
                        d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
                    }
                }
            }
            return d[a.length()][b.length()];
        }
    }
}
