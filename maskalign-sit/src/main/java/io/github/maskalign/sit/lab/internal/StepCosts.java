package io.github.maskalign.sit.lab.internal;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import com.google.gson.reflect.TypeToken;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.TrainingRun;
import io.github.maskalign.sit.run.internal.ModelFlops;
import io.github.maskalign.sit.run.internal.RunPlan;
import io.github.maskalign.sit.run.internal.StatsFile.Recent;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/** What a step of a variant costs. */
public final class StepCosts {
    /** Steps that are timed; the first ones, which compile, do not count in the median. */
    public static final int STEPS = 12;

    private static final int LATEST = 200;
    private static final Gson GSON = new GsonBuilder().setPrettyPrinting().create();

    private StepCosts() {}

    /** Returns the floating point operations of a step, without the encoder. */
    public static double flops(RunConfig run) {
        return (double) ModelFlops.of(RunPlan.model(run)).step() * run.train().globalBatch();
    }

    /** Trains a few steps and returns the median time of one. */
    public static double seconds(Bound<RunConfig> config, Path folder, UnaryOperator<TrainingRun> settings)
            throws IOException {
        settings.apply(TrainingRun.open(config, folder)).run();
        return Recent.read(folder.resolve("stats.jsonl"), STEPS).medianSeconds();
    }

    /** Returns the median time of a cell's latest steps; empty if it has not taken any. */
    public static Optional<Double> measured(Cell cell) throws IOException {
        Path stats = cell.folder().resolve("stats.jsonl");
        if (!Files.exists(stats)) {
            return Optional.empty();
        }
        double seconds = Recent.read(stats, LATEST).medianSeconds();
        return seconds > 0 ? Optional.of(seconds) : Optional.empty();
    }

    /** Reads times that were kept; empty if there are none. */
    public static Optional<Map<String, Double>> read(Path file) throws IOException {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
            return Optional.ofNullable(GSON.fromJson(text, new TypeToken<TreeMap<String, Double>>() {}));
        } catch (JsonParseException e) {
            throw new CheckpointFormatException(file, "it must hold the seconds of a step by variant", e);
        }
    }

    /** Keeps times, so that a comparison that goes on trains as many steps. */
    public static void write(Path file, Map<String, Double> costs) throws IOException {
        AtomicFile.write(file, GSON.toJson(costs) + "\n");
    }
}
