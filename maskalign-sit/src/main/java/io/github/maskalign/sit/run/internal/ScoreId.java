package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import io.github.maskalign.core.evaluate.Metric;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Names of scores in files, and what those of files before them stand for: {@code eval/frechet} and the like in {@code
 * stats.jsonl}, and {@code fid} in results of {@code evaluate} whatever the features were.
 */
public final class ScoreId {
    private static final Pattern OLD_STATS =
            Pattern.compile("eval/(frechet|spatial_frechet|classifier_score|kernel)(|_se|_sd)");

    /** What the fingerprint of a score's protocol is called; with {@code _} and a word behind for scores of further networks. */
    static final String PROTOCOL = "eval/protocol";

    private ScoreId() {}

    /**
     * Returns the name of the protocol's fingerprint beside a score.
     *
     * @param score name of the score in {@code stats.jsonl}
     * @param names all names there
     */
    public static String protocol(String score, Set<String> names) {
        return names.stream()
                .filter(name -> name.startsWith(PROTOCOL + "_") && score.endsWith(name.substring(PROTOCOL.length())))
                .max(Comparator.comparingInt(String::length))
                .orElse(PROTOCOL);
    }

    /**
     * Returns the name in {@code stats.jsonl} today.
     *
     * @param space of the encoder that the run is evaluated with, if not with Inception
     */
    static String ofStats(String name, FeatureSpace space) {
        Matcher old = OLD_STATS.matcher(name);
        if (!old.matches()) {
            return name;
        }
        Metric metric = switch (old.group(1)) {
            case "frechet" -> Metric.FID;
            case "spatial_frechet" -> Metric.SFID;
            case "kernel" -> Metric.KID;
            default -> Metric.IS;
        };
        return "eval/" + metric.id(space) + old.group(2);
    }

    /** Returns the name in a result of {@code evaluate} today. */
    static String ofResult(String id, FeatureSpace space) {
        return Metric.ofFile(id)
                .filter(metric -> metric.id().equals(id))
                .map(metric -> metric.id(space))
                .orElse(id);
    }

    /** Returns a sentence of a result with today's names. */
    static String inSentence(String sentence, FeatureSpace space) {
        return Pattern.compile("\\b(fid|sfid|kid)\\b").matcher(sentence).replaceAll(id -> ofResult(id.group(), space));
    }

    /** Returns what people call a score; it names the features unless they are Inception's. */
    public static String title(String id) {
        Optional<Metric> metric = Metric.ofFile(id);
        if (metric.isEmpty()) {
            return id;
        }
        FeatureSpace any = space("x");
        String title = metric.get().title(any);
        if (id.equals(metric.get().id())) {
            boolean everywhere = metric.get().id(any).equals(id);
            return everywhere ? title.substring(0, 1).toUpperCase(Locale.ROOT) + title.substring(1) : inceptions(id);
        }
        String word = id.substring(metric.get().word().length() + 1);
        return title.substring(0, 1).toUpperCase(Locale.ROOT) + title.substring(1) + ", " + word.replace('_', ' ');
    }

    private static String inceptions(String id) {
        return Metric.named(id).title(new FeatureSpace("Inception", "inception", true, 1, 0, 0));
    }

    /** Returns features of a name that are not Inception's. */
    static FeatureSpace space(String name) {
        return new FeatureSpace(name, name, false, 1, 0, 0);
    }
}
