package io.github.maskalign.sit;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.data.ReadAheadData;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.data.internal.DrawAheadData;
import io.github.maskalign.core.data.internal.PreparingData;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.engine.internal.NativeExit;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.internal.RunLock;
import io.github.maskalign.core.metrics.JsonlSink;
import io.github.maskalign.core.train.MetricListener;
import io.github.maskalign.core.train.RunCheckpoints;
import io.github.maskalign.core.train.RunIdentity;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainLoop;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.sit.weights.ModelSettings;
import io.github.maskalign.sit.weights.internal.Keys;
import io.github.maskalign.sit.weights.internal.TrainingFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a {@link SiTTraining} has opened, in the order in which it is closed again, backwards. */
final class TrainingParts {
    /** Batches that are prepared while one is computed. */
    private static final int AHEAD = 2;

    private final Deque<AutoCloseable> opened = new ArrayDeque<>(); // newest first
    private @Nullable SiTObjective objective;
    private @Nullable TrainState state;
    private @Nullable RunCheckpoints checkpoints;

    private TrainingParts() {}

    static TrainingParts open(TrainingPlan plan) throws IOException {
        TrainingParts parts = new TrainingParts();
        try {
            parts.openAll(plan);
            return parts;
        } catch (IOException | RuntimeException | Error e) {
            parts.closeAfter(e);
            throw e;
        }
    }

    private void openAll(TrainingPlan plan) throws IOException {
        if (plan.model().terms().endToEnd().isPresent()) {
            throw new IllegalArgumentException(
                    "terms.endToEnd trains an autoencoder along, which this training does not"
                            + " have: a run of a config does, sit.run.TrainingRun");
        }
        Path folder = plan.folder;
        if (folder != null) {
            opened.push(RunLock.acquire(folder));
        }
        NativeExit.install();
        NDManager manager = NDManager.newBaseManager(plan.device);
        opened.push(manager);
        TrainingData data = plan.openData();
        if (plan.ownsData && data instanceof AutoCloseable own) {
            opened.push(own);
        }
        requireFitting(plan, data, manager);
        SiTObjective made = plan.objective(manager, prepared(data));
        objective = made;
        TrainState fresh = new TrainState(manager, made.parameters(), plan.optim);
        state = fresh;
        opened.push(fresh);
        if (folder != null) {
            checkpoints = checkpoints(plan, folder, manager);
        }
    }

    /** Returns the data with a thread that prepares batches. */
    private TrainingData prepared(TrainingData data) {
        if (data instanceof PreparingData) {
            return data;
        }
        if (data instanceof BufferedData source) {
            ReadAheadData ahead = new ReadAheadData(source, AHEAD);
            opened.push(ahead);
            return ahead;
        }
        DrawAheadData ahead = new DrawAheadData(data, AHEAD);
        opened.push(ahead);
        return ahead;
    }

    private static RunCheckpoints checkpoints(TrainingPlan plan, Path folder, NDManager manager) throws IOException {
        Engine engine = Engine.getInstance();
        Map<String, String> facts = Map.of(
                "engine", engine.getEngineName() + " " + engine.getVersion(),
                "device", manager.getDevice().toString(),
                "java", String.valueOf(Runtime.version()));
        RunIdentity identity = RunIdentity.of(ModelSettings.family(plan.model()), plan.identity(), facts);
        RunCheckpoints files =
                RunCheckpoints.open(folder, identity, plan.rest.saving().keepLast(), plan.rest.keepEvery());
        Path weights = plan.initialWeights;
        if (weights == null) {
            return files;
        }
        try (SafetensorsFile file = SafetensorsFile.open(weights)) {
            Set<String> keys = file.stateDict().keys();
            boolean mixes = keys.stream().anyMatch(key -> key.startsWith("mixer."));
            boolean heads = keys.stream().anyMatch(key -> key.startsWith(Keys.SELF_HEAD));
            boolean needsHead = plan.model().terms().selfAlign().isPresent();
            return files.initFrom(
                    weights,
                    key -> (!mixes && key.startsWith("mixer."))
                            || (heads != needsHead && key.startsWith(Keys.SELF_HEAD)));
        }
    }

    /** Checks the first sample, which is what all are like, against model and encoder. */
    private static void requireFitting(TrainingPlan plan, TrainingData data, NDManager manager) {
        SiTConfig model = plan.model();
        TrainingPlan.Problems problems = new TrainingPlan.Problems();
        problems.require(data.size() >= 1, "the data must have a sample");
        problems.require(
                data.classes() <= model.model().numClasses(),
                "the data have " + data.classes() + " classes but the model has "
                        + model.model().numClasses());
        problems.run(() -> SiTObjective.requireTokens(model, data, plan.encoders));
        if (data.size() >= 1) {
            try (NDManager scratch = manager.newSubManager()) {
                sampleProblems(plan, data.batch(scratch, 0, 1), problems);
            }
        }
        problems.throwIfAny();
    }

    private static void sampleProblems(TrainingPlan plan, TrainingBatch sample, TrainingPlan.Problems problems) {
        SiTConfig model = plan.model();
        Shape latent = sample.latents().getShape().slice(1);
        Shape wanted = new Shape(
                model.latentChannels(), model.model().inputSize(), model.model().inputSize());
        problems.require(
                latent.equals(wanted),
                "the data's samples are " + latent + " but the model takes (channels, height, width) " + wanted);
        long label = sample.labels().getLong(0);
        problems.require(
                label >= 0 && label < model.model().numClasses(),
                "labels must be in [0, " + (model.model().numClasses() - 1) + "] but the data have " + label);
        if (!model.needsEncoder()) {
            return;
        }
        NDArray images = sample.images();
        NDArray tokens = sample.tokens();
        if (!plan.encoders.isEmpty() && images == null) {
            problems.require(false, "the data have no pictures for the encoder");
        } else if (!plan.encoders.isEmpty() && images != null) {
            Shape picture = images.getShape().slice(1);
            problems.require(
                    picture.get(0) == 3, "the encoder takes pictures of 3 channels but the data's are " + picture);
            int side = Math.toIntExact(picture.get(picture.dimension() - 1));
            for (RepresentationEncoder encoder : plan.encoders) {
                Integer patches = problems.find(() -> encoder.tokens(side));
                problems.require(
                        patches == null || patches == model.tokens(),
                        "the encoder gives " + patches + " patch tokens for pictures of side " + side
                                + " but the model has " + model.tokens());
            }
        } else if (tokens != null && !model.alignsSubset()) {
            problems.require(
                    tokens.getShape().get(1) == 1 + model.tokens(),
                    "the data's tokens are " + tokens.getShape().slice(1) + " but the model needs a class token and "
                            + model.tokens() + " patches");
        }
    }

    TrainLoop loop(TrainingPlan plan) {
        List<TrainListener> listeners = new ArrayList<>();
        Path folder = plan.folder;
        if (folder != null) {
            listeners.add(new TrainListener() {
                @Override
                public void onStart(StartKind kind, TrainState state) { // the folder's run has these settings
                    try {
                        TrainingFile.write(folder, plan.steps, plan.batch, plan.identity());
                    } catch (IOException e) {
                        throw new UncheckedIOException(
                                folder.resolve(TrainingFile.NAME) + " cannot be written: " + e.getMessage(), e);
                    }
                }
            });
            Path stats = folder.resolve("stats.jsonl");
            listeners.add(new MetricListener(firstStep -> JsonlSink.open(stats, firstStep), plan.metricsEvery));
        }
        plan.sinks.forEach(sink -> listeners.add(new MetricListener(sink, plan.metricsEvery)));
        listeners.addAll(plan.listeners);
        TrainLoop loop = new TrainLoop(plan.train(), plan.optim, objective(), state(), listeners);
        return checkpoints().map(loop::withCheckpoints).orElse(loop);
    }

    SiTObjective objective() {
        return Objects.requireNonNull(objective);
    }

    TrainState state() {
        return Objects.requireNonNull(state);
    }

    Optional<RunCheckpoints> checkpoints() {
        return Optional.ofNullable(checkpoints);
    }

    /** Closes everything, then throws the first failure. */
    void close() throws IOException {
        Exception first = null;
        while (!opened.isEmpty()) {
            try {
                opened.pop().close();
            } catch (Exception e) {
                if (first == null) {
                    first = e;
                } else {
                    first.addSuppressed(e);
                }
            }
        }
        if (first instanceof IOException failure) {
            throw failure;
        }
        if (first instanceof RuntimeException failure) {
            throw failure;
        }
        if (first != null) {
            throw new IOException("the training data cannot be closed: " + first.getMessage(), first);
        }
    }

    /** Closes everything after a failure, which stays the one to be thrown. */
    void closeAfter(Throwable cause) {
        try {
            close();
        } catch (IOException | RuntimeException e) {
            cause.addSuppressed(e);
        }
    }
}
