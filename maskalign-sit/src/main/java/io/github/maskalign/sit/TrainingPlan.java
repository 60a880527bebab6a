package io.github.maskalign.sit;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.SubsetConfig.SubsetSchedule;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.config.ConfigWriter;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.train.MetricListener;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.sit.SiTObjective.KeptTokens;
import io.github.maskalign.sit.weights.ModelSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What a {@link SiTTraining.Builder} was told, whether it fits together, and the model and objective it comes to. */
final class TrainingPlan {
    @Nullable
    SiTConfig model;

    SiTTraining.@Nullable Samples samples;
    boolean ownsData;

    List<RepresentationEncoder> encoders = List.of();

    @Nullable
    Path folder;

    @Nullable
    Device device;

    @Nullable
    Path initialWeights;

    long steps;
    int batch;
    int accumulation = 1;
    long seed;
    Precision precision = Precision.FLOAT32;
    DiffusionConfig diffusion = DiffusionConfig.defaults();
    OptimConfig optim = OptimConfig.PAPER;
    int activationCheckpointing;
    int metricsEvery = 10;
    final List<TrainListener> listeners = new ArrayList<>();
    final List<MetricListener.Opening> sinks = new ArrayList<>();
    final Map<String, String> settings = new TreeMap<>();

    /** Everything about saving and skipping; its length, batch and micro-batches are not looked at. */
    TrainConfig rest = new TrainConfig(1, 1, 1, new TrainConfig.Saving(1_000, 3, 0), new TrainConfig.Skipping(5, 100));

    SiTConfig model() {
        return Objects.requireNonNull(model, "model");
    }

    Draws draws() {
        return new Draws(seed);
    }

    TokenSubsetSampler subsets() {
        return new TokenSubsetSampler(model().subset(), draws(), steps);
    }

    TrainConfig train() {
        return new TrainConfig(
                steps,
                batch,
                accumulation,
                rest.saving(),
                rest.skipping(),
                rest.keepEvery(),
                rest.asyncSave(),
                activationCheckpointing,
                rest.failedSaves());
    }

    /**
     * Checks all that can be said before the data are opened.
     *
     * @throws IllegalArgumentException names everything that is missing or does not fit
     */
    void requireFitting() {
        Problems problems = new Problems();
        problems.require(samples != null, "data must be set");
        problems.require(steps >= 1, "steps must be set to at least 1 but was " + steps);
        problems.require(batch >= 1, "batch must be set to at least 1 but was " + batch);
        problems.require(
                accumulation >= 1 && (batch < 1 || batch % accumulation == 0),
                "accumulation must divide batch " + batch + " but was " + accumulation);
        problems.require(
                activationCheckpointing >= 0,
                "activationCheckpointing must be at least 0 but was " + activationCheckpointing);
        problems.require(metricsEvery >= 1, "metricsEvery must be at least 1 but was " + metricsEvery);
        Path weights = initialWeights;
        if (weights != null) {
            problems.require(folder != null, "initialWeights need a folder");
            problems.require(Files.isRegularFile(weights), "initialWeights must be a file but there is no " + weights);
        }
        problems.require(model != null, "model must be set");
        if (model != null) {
            modelProblems(model(), problems);
        }
        problems.throwIfAny();
    }

    private void modelProblems(SiTConfig config, Problems problems) {
        problems.require(
                config.process() == diffusion.process(),
                "model and diffusion must have the same process but have " + config.process() + " and "
                        + diffusion.process());
        SubsetConfig subset = config.subset();
        problems.run(() -> subset.requireTokensLeft(config.tokens()));
        long tail = subset.dropping().unmaskedTailSteps();
        problems.require(
                steps < 1 || tail <= steps,
                "subset's unmaskedTailSteps must be at most steps " + steps + " but was " + tail);
        if (!encoders.isEmpty()) {
            problems.require(
                    encoders.get(0).hasClassToken() || !config.hasClassToken(),
                    "the model has a class token but the encoder has none");
        }
    }

    /** Opens the data; the caller closes them if they are this training's own. */
    TrainingData openData() throws IOException {
        SiTTraining.Samples source = Objects.requireNonNull(samples, "data");
        return source.open(draws(), new KeptTokens(model(), subsets(), batch));
    }

    /** Makes the model of the seed and the loss over it. */
    SiTObjective objective(NDManager manager, TrainingData data) {
        SiTObjective.requireTokens(model(), data, encoders);
        Engine.getInstance().setRandomSeed(draws().at(RandomStream.INIT, 0).nextInt());
        SiT sit = new SiT(model(), precision);
        sit.initialize(manager);
        SiTLoss loss = new SiTLoss(sit, diffusion.path());
        return new SiTObjective(loss, diffusion, data, encoders, subsets(), activationCheckpointing);
    }

    /** Returns every setting that changes the numbers, by the keys of configs where they have one. */
    Map<String, String> identity() {
        SiTConfig config = model();
        Map<String, String> out = new TreeMap<>(ModelSettings.of(config));
        out.put("model.learnSigma", Boolean.toString(config.learnSigma()));
        out.put("encoder.widths", config.encoderWidths().toString());
        out.put("cls.width", Integer.toString(config.classTokenWidth()));
        put(out, "align.", config.align());
        put(out, "cls.", config.cls());
        put(out, "diffusion.", diffusion);
        put(out, "terms.", config.terms());
        put(out, "optim.", optim);
        SubsetConfig tokens = config.subset();
        if (tokens.placement() != SubsetPlacement.NONE) {
            put(out, "subset.", tokens);
            if (tokens.dropping().schedule() != SubsetSchedule.CONSTANT
                    || tokens.dropping().hasTail()) {
                out.put("train.steps", Long.toString(steps)); // the ratio of a step depends on it
            }
        }
        ModelSettings.leaveOutLater(out);
        out.put("train.globalBatch", Integer.toString(batch));
        out.put("runtime.precision", precision.name());
        out.put("seed", Long.toString(seed));
        out.putAll(settings);
        return out;
    }

    private static void put(Map<String, String> out, String section, Record values) {
        ConfigWriter.settings(values).forEach((key, value) -> out.put(section + key, value));
    }

    /** Collects what does not fit, to say it at once. */
    static final class Problems {
        private final List<String> found = new ArrayList<>();

        void require(boolean holds, String problem) {
            if (!holds) {
                found.add(problem);
            }
        }

        void run(Runnable check) {
            find(() -> {
                check.run();
                return true;
            });
        }

        /** Returns what a check finds, or null with its complaint noted. */
        <T> @Nullable T find(Supplier<T> check) {
            try {
                return check.get();
            } catch (IllegalArgumentException e) {
                found.add(String.valueOf(e.getMessage()));
                return null;
            }
        }

        void throwIfAny() {
            if (!found.isEmpty()) {
                throw new IllegalArgumentException("the training does not fit together: " + String.join("; ", found));
            }
        }
    }
}
