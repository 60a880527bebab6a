package io.github.maskalign.sit.lab.internal;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.internal.Curve;
import io.github.maskalign.sit.run.internal.RunPlan;
import io.github.maskalign.sit.run.internal.StatsFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * One variant with one seed.
 *
 * @param variant name of the variant
 * @param seed the seed
 * @param folder the run's folder
 * @param config what it trains
 */
public record Cell(String variant, long seed, Path folder, Bound<RunConfig> config) {
    private static final String FILE = "cell.json";
    private static final String SCORES = "eval/";
    private static final Gson GSON = new GsonBuilder()
            .setPrettyPrinting()
            .serializeSpecialFloatingPointValues()
            .create();

    /**
     * What a finished cell leaves, besides its run: nothing of it depends on when or where it was computed.
     *
     * @param config digest of its config
     * @param failure why it has no scores; null if it has
     * @param scores by name of {@code stats.jsonl}, by step
     */
    public record Outcome(String config, @Nullable String failure, Map<String, TreeMap<Long, Double>> scores) {
        /** Returns a score at the last step that has it; NaN if there is none. */
        public double last(String score) {
            TreeMap<Long, Double> steps = scores.get(score);
            return steps == null || steps.isEmpty()
                    ? Double.NaN
                    : steps.lastEntry().getValue();
        }
    }

    /**
     * Returns a digest of what decides its numbers: what the run's checkpoints are tied to, its length, and how it is
     * scored. Keys that later versions add, at their defaults, do not change it.
     */
    private String identity() {
        RunConfig run = config.value();
        Map<String, String> settings = new TreeMap<>(RunPlan.settings(run));
        settings.put("train.steps", Long.toString(run.train().steps()));
        settings.put("evaluate.every", Long.toString(run.evaluate().every()));
        settings.put("evaluate.samples", Integer.toString(run.evaluate().samples()));
        settings.put("evaluate.seed", Long.toString(run.evaluate().seed()));
        settings.put("evaluate.drawing", run.evaluate().drawing().toString());
        settings.put("evaluate.metrics", run.evaluate().metrics().toString());
        settings.put(
                "evaluate.reference",
                run.evaluate().referencePictures() + " " + run.evaluate().reference());
        if (!run.evaluate().network().moreEncoders().isEmpty()) { // a later key
            settings.put(
                    "evaluate.moreEncoders",
                    run.evaluate().network().moreEncoders().toString());
        }
        return Digests.sha256(settings.toString());
    }

    /** Returns how people call it. */
    public String name() {
        return variant + "-seed" + seed;
    }

    /**
     * Returns what a finished cell left; empty if it is not finished.
     *
     * @throws IOException if what is there is of another config, or no outcome
     */
    public Optional<Outcome> outcome() throws IOException {
        Path file = folder.resolve(FILE);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        Outcome found;
        try {
            found = GSON.fromJson(new String(Files.readAllBytes(file), StandardCharsets.UTF_8), Outcome.class);
        } catch (JsonParseException e) {
            throw new CheckpointFormatException(file, "it must be the outcome of a comparison's cell", e);
        }
        if (found == null || found.config() == null || found.scores() == null) {
            throw new CheckpointFormatException(file, "it must be the outcome of a comparison's cell");
        }
        if (!found.config().equals(identity())) {
            throw new IllegalArgumentException(folder + " was trained by another config than the plan has for " + name()
                    + "; give the comparison another folder, or move that one away");
        }
        return Optional.of(found);
    }

    /**
     * Writes what the finished run recorded.
     *
     * @throws IOException if its last evaluation is missing, which the log of the run explains
     */
    public void finish() throws IOException {
        Map<String, TreeMap<Long, Double>> scores = new TreeMap<>();
        for (Map.Entry<String, Curve> curve :
                StatsFile.read(folder.resolve("stats.jsonl")).curves().entrySet()) {
            if (curve.getKey().startsWith(SCORES) && !curve.getKey().equals("eval/seconds")) {
                TreeMap<Long, Double> points = new TreeMap<>();
                double[] steps = curve.getValue().steps();
                for (int i = 0; i < steps.length; i++) {
                    points.put((long) steps[i], curve.getValue().values()[i]);
                }
                scores.put(curve.getKey(), points);
            }
        }
        TreeMap<Long, Double> samples = scores.get("eval/samples");
        long end = config.value().train().steps();
        if (samples == null || !samples.containsKey(end)) {
            throw new IOException(folder + ": the scores of the last step, " + end
                    + ", are missing; the log of the run says" + " why, and the same command tries again");
        }
        write(new Outcome(identity(), null, scores));
    }

    /** Writes that the run cannot be finished, as one whose losses are not finite. */
    public void fail(String why) throws IOException {
        write(new Outcome(identity(), why, new TreeMap<>()));
    }

    private void write(Outcome outcome) throws IOException {
        AtomicFile.write(folder.resolve(FILE), GSON.toJson(outcome) + "\n");
    }
}
