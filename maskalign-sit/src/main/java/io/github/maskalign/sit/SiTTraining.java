package io.github.maskalign.sit;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.data.LatentData.TokenChoice;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.MetricListener;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainLoop;
import io.github.maskalign.core.train.TrainState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Trains a SiT: model, data and encoder in, averaged weights out.
 *
 * <pre>{@code
 * try (SiTTraining training = SiTTraining.builder()
 *         .setModel(config).setData(samples).setSteps(400_000).setBatch(256)
 *         .optEncoder(encoder).optFolder(Path.of("runs/mine"))
 *         .build()) {
 *     training.run();
 * }
 * }</pre>
 *
 * <p>With a folder it is one run however often it is started: a training built with the same settings over the same
 * folder goes on from the newest saved state, on the same machine bit for bit as if it had never stopped. With other
 * settings it is refused, and the setting named. The folder holds {@code checkpoints/}, {@code
 * snapshot-*.safetensors} with the averaged weights, and {@code stats.jsonl}.
 *
 * <p>One thread builds, runs and closes a training; {@link #requestStop} may be called from any. It owns the model, the
 * state and the data that it opened; an encoder and data that were given stay open.
 */
public final class SiTTraining implements AutoCloseable {
    private final TrainingParts parts;
    private final TrainLoop loop;
    private boolean begun;

    SiTTraining(TrainingParts parts, TrainLoop loop) {
        this.parts = parts;
        this.loop = loop;
    }

    /** Starts a description of a training. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Trains until the last step, or until somebody asks to stop. What else ends a training is thrown, see
     * {@link TrainLoop#run}.
     *
     * @throws IOException if the saved state cannot be read, is of other settings, or a state cannot be saved
     * @throws IllegalStateException if it was called before; build another training to go on
     */
    public StopReason run() throws IOException {
        if (begun) {
            throw new IllegalStateException("a training runs once; build another one to go on");
        }
        begun = true;
        return loop.run();
    }

    /** Asks the training to end after its step, saving its state; may be called from any thread, also before it runs. */
    public void requestStop() {
        loop.requestStop();
    }

    /** Returns the model; its weights are those of the newest step. */
    public SiT model() {
        return parts.objective().model();
    }

    /** Returns step, weights, averaged weights and moments. */
    public TrainState state() {
        return parts.state();
    }

    /** Returns the file of the averaged weights at the step that the training stands at; empty if there is none. */
    public Optional<Path> averagedWeights() {
        return parts.checkpoints()
                .map(files -> files.snapshotFile(state().step()))
                .filter(Files::exists);
    }

    /** Frees the arrays and closes what {@link Builder#build} opened. Later calls have no effect. */
    @Override
    public void close() throws IOException {
        parts.close();
    }

    /** Opens the samples of a training with its random numbers; data that are {@link AutoCloseable} it closes too. */
    @FunctionalInterface
    public interface Samples {
        /**
         * Opens the samples.
         *
         * @param draws the training's random numbers
         * @param kept the encoder tokens that its loss looks at, for data that come with tokens
         */
        TrainingData open(Draws draws, TokenChoice kept) throws IOException;
    }

    /** Describes a training. {@code set} methods must be called, {@code opt} methods may. */
    public static final class Builder {
        private final TrainingPlan plan = new TrainingPlan();

        private Builder() {}

        /** Sets the model, its subset of tokens and the weights of its losses. */
        public Builder setModel(SiTConfig model) {
            plan.model = model;
            return this;
        }

        /**
         * Sets the data by how they are opened, so that they use the training's own random numbers. This library's own kinds of
         * data are read on a thread that also draws the random numbers of the next batches; any other {@link TrainingData} is
         * asked on the thread that trains, and the thread beside it draws alone.
         */
        public Builder setData(Samples samples) {
            plan.samples = samples;
            plan.ownsData = true;
            return this;
        }

        /** Sets data that are open, and stay so; their order should be of {@code new Draws(seed)}. */
        public Builder setData(TrainingData data) {
            plan.samples = (draws, kept) -> data;
            plan.ownsData = false;
            return this;
        }

        /** Sets the number of optimiser steps, at least 1. A training that goes on may have more. */
        public Builder setSteps(long steps) {
            plan.steps = steps;
            return this;
        }

        /** Sets the number of samples of a step, at least 1. */
        public Builder setBatch(int batch) {
            plan.batch = batch;
            return this;
        }

        /** Sets steps, batch and everything about saving at once. */
        public Builder setTrain(TrainConfig train) {
            plan.steps = train.steps();
            plan.batch = train.globalBatch();
            plan.accumulation = train.accumulation();
            plan.activationCheckpointing = train.activationCheckpointing();
            plan.rest = train;
            return this;
        }

        /** Sets the run's folder, made if it is missing; default: no files, and nothing to go on from. */
        public Builder optFolder(Path folder) {
            plan.folder = folder;
            return this;
        }

        /** Sets the encoder, which a model with alignment or class token needs unless the data come with tokens. */
        public Builder optEncoder(RepresentationEncoder encoder) {
            return optEncoders(List.of(encoder));
        }

        /**
         * Sets several encoders, one for each projector of the model, see {@link SiTConfig.AlignConfig#depths}. The first
         * gives class token and attention.
         */
        public Builder optEncoders(List<RepresentationEncoder> encoders) {
            plan.encoders = List.copyOf(encoders);
            return this;
        }

        /** Sets the seed of every random number; default 0. */
        public Builder optSeed(long seed) {
            plan.seed = seed;
            return this;
        }

        /** Sets where the model is; default: DJL's choice. */
        public Builder optDevice(Device device) {
            plan.device = device;
            return this;
        }

        /** Sets the arithmetic of matrix products; default FLOAT32. */
        public Builder optPrecision(Precision precision) {
            plan.precision = precision;
            return this;
        }

        /** Sets interpolant and timesteps; default {@link DiffusionConfig#defaults}. */
        public Builder optDiffusion(DiffusionConfig diffusion) {
            plan.diffusion = diffusion;
            return this;
        }

        /** Sets the optimiser; default {@link OptimConfig#PAPER}. */
        public Builder optOptim(OptimConfig optim) {
            plan.optim = optim;
            return this;
        }

        /** Sets the number of micro-batches of a step, a divisor of the batch; default 1. */
        public Builder optAccumulation(int accumulation) {
            plan.accumulation = accumulation;
            return this;
        }

        /** Sets the rhythm of states and snapshots; default: a state each 1,000 steps, of which 3 stay; a last snapshot. */
        public Builder optSaving(TrainConfig.Saving saving) {
            TrainConfig old = plan.rest;
            plan.rest = new TrainConfig(
                    old.steps(),
                    old.globalBatch(),
                    old.accumulation(),
                    saving,
                    old.skipping(),
                    old.keepEvery(),
                    old.asyncSave(),
                    old.activationCheckpointing(),
                    old.failedSaves());
            return this;
        }

        /** Sets whether another thread saves while training goes on; default false. */
        public Builder optAsyncSave(boolean async) {
            plan.rest = plan.rest.withAsyncSave(async);
            return this;
        }

        /** Sets that each {@code every}-th block is computed again for its gradients, to save memory; default 0, none. */
        public Builder optActivationCheckpointing(int every) {
            plan.activationCheckpointing = every;
            return this;
        }

        /** Adds a listener. */
        public Builder optListener(TrainListener listener) {
            plan.listeners.add(listener);
            return this;
        }

        /** Adds a sink of metrics; with a folder there is {@code stats.jsonl} without asking. */
        public Builder optMetrics(MetricListener.Opening sink) {
            plan.sinks.add(sink);
            return this;
        }

        /** Sets that metrics are written each {@code every} steps, at least 1; default 10. */
        public Builder optMetricsEvery(int every) {
            plan.metricsEvery = every;
            return this;
        }

        /**
         * Sets the weights that a new run starts with: a safetensors file with our keys, on our time axis, such as a
         * snapshot. A mixer that the file lacks starts fresh, and so does the head of self-alignment, which a file may have
         * in vain too. Needs a folder.
         */
        public Builder optInitialWeights(Path file) {
            plan.initialWeights = file;
            return this;
        }

        /**
         * Adds a fact that must be the same when the run goes on, such as {@code data} with a hash of the data or
         * {@code encoder} with that of the encoder's file.
         */
        public Builder optSetting(String key, String value) {
            plan.settings.put(key, value);
            return this;
        }

        /**
         * Opens the data, makes the model, and takes the folder.
         *
         * @throws IllegalArgumentException if something is missing or does not fit; names all of it
         * @throws IOException if data, folder or initial weights cannot be opened
         */
        public SiTTraining build() throws IOException {
            plan.requireFitting();
            TrainingParts parts = TrainingParts.open(plan);
            try {
                return new SiTTraining(parts, parts.loop(plan));
            } catch (RuntimeException | Error e) {
                parts.closeAfter(e);
                throw e;
            }
        }

        /**
         * Makes the model and its objective alone, for a loop of your own or several processes. The data should be open
         * and are not looked at; folder, optimiser, saving, listeners and metrics mean nothing here.
         *
         * @param manager owner of the weights; its device wins
         * @throws IllegalArgumentException if something is missing or does not fit; names all of it
         */
        public SiTObjective buildObjective(NDManager manager) throws IOException {
            plan.requireFitting();
            return plan.objective(manager, plan.openData());
        }
    }
}
