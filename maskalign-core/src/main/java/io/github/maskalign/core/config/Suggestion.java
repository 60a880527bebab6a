package io.github.maskalign.core.config;

import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Guesses what a misspelt word was meant to be. */
final class Suggestion {
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
                .filter(candidate ->
                        word.length() >= SHORTEST_PREFIX && normal(candidate).startsWith(word))
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
