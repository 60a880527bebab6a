package io.github.maskalign.examples;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import com.google.gson.JsonObject;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.engine.internal.NativeThreads;
import io.github.maskalign.core.engine.internal.ProcessStatus;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.StepResult.StepTimes;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.core.train.TrainStep;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTObjective;
import io.github.maskalign.sit.SiTTraining;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.internal.RunPlan;
import io.github.maskalign.sit.weights.ModelSettings;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Whole training steps of a config's model, ready to be timed: forward, backward, clipping, AdamW and EMA, with all
 * random draws and random latents and targets, and nothing else. One thread owns it.
 */
public final class StepBenchmark implements AutoCloseable {
    private final RunConfig config;
    private final int batch;
    private final NDManager manager;
    private final TrainStep step;
    private final TrainState state;
    private final long parameters;

    /**
     * Builds the model and everything a step needs.
     *
     * @param given samples of a step, or null for a micro-batch of the config
     */
    public StepBenchmark(RunConfig config, @Nullable Integer given) throws IOException {
        this.config = config;
        batch = given == null ? config.train().globalBatch() / config.train().accumulation() : given;
        if (config.runtime().threads() > 0) {
            NativeThreads.set(config.runtime().threads());
        }
        manager = NDManager.newBaseManager(config.runtime().device(0, Map.of()));
        SiTConfig model = RunPlan.model(config);
        if (model.terms().endToEnd().isPresent()) {
            throw new IllegalArgumentException(
                    "bench measures steps on random latents, and terms.endToEnd makes its own of"
                            + " pictures: measure another method, or look at seconds of a run in its stats.jsonl");
        }
        int side = model.model().inputSize();
        Shape latent = new Shape(model.latentChannels(), side, side);
        SiTTraining.Builder training = SiTTraining.builder()
                .setModel(model)
                .setData(new RandomData(latent, model.model().numClasses(), batch, config.seed()))
                .setSteps(Integer.MAX_VALUE)
                .setBatch(batch)
                .optSeed(config.seed())
                .optPrecision(config.runtime().precision().ofBlocks())
                .optDiffusion(config.diffusion())
                .optActivationCheckpointing(config.train().activationCheckpointing());
        if (model.needsEncoder()) {
            boolean aligns = !model.encoderWidths().isEmpty();
            int width = model.hasClassToken()
                    ? model.classTokenWidth()
                    : aligns ? model.encoderWidths().get(0) : model.featureChannels();
            training.optEncoder(new RandomTokens(manager, batch, model.tokens(), width));
        }
        SiTObjective objective = training.buildObjective(manager);
        openGates(objective.model());
        state = new TrainState(manager, objective.parameters(), config.optim());
        parameters = objective.parameters().values().stream()
                .filter(Parameter::requiresGradient)
                .mapToLong(p -> p.getShape().size())
                .sum();
        step = new TrainStep(objective, state, config.optim(), batch, 1);
    }

    /** Weights that start at zero would make gradients zero and some products cheap: N(0, 0.02²) instead. */
    private static void openGates(SiT model) {
        try (GradMode editing = GradMode.off()) {
            ParameterKeys.of(model).forEach((key, parameter) -> {
                NDArray array = parameter.getArray();
                if (parameter.requiresGradient() && array.abs().max().getFloat() == 0) {
                    NDArray noise = array.getManager().randomNormal(0, 0.02f, array.getShape(), array.getDataType());
                    array.addi(noise);
                    noise.close();
                }
            });
        }
    }

    /** Runs steps and returns what each did. */
    public List<StepResult> run(int steps) {
        List<StepResult> results = new ArrayList<>();
        for (int i = 0; i < steps; i++) {
            results.add(step.run());
        }
        return results;
    }

    /** Returns what is timed. */
    JsonObject about() {
        SiTConfig model = RunPlan.model(config);
        JsonObject out = new JsonObject();
        out.addProperty("name", config.name());
        out.addProperty("framework", "maskalign");
        out.addProperty("family", ModelSettings.family(model));
        out.addProperty("width", model.model().hiddenSize());
        out.addProperty("depth", model.model().depth());
        out.addProperty("parameters", parameters);
        out.addProperty("dtype", config.runtime().precision().name().toLowerCase(Locale.ROOT));
        out.addProperty("threads", NativeThreads.count());
        out.addProperty("batch", batch);
        if (config.train().activationCheckpointing() > 0) {
            out.addProperty("activation_checkpointing", config.train().activationCheckpointing());
        }
        return out;
    }

    /** Adds median step time, rate, memory, and where the time went. */
    void add(JsonObject out, List<StepResult> results) {
        List<Double> seconds = sorted(results, StepTimes::total);
        double outside = 0;
        double all = 0;
        for (StepResult result : results) {
            StepTimes times = result.seconds();
            outside += times.data() + times.rest();
            all += times.total();
        }
        double median = quantile(seconds, 0.5);
        out.addProperty("steps", results.size());
        out.addProperty("median_s", median);
        out.addProperty("p90_s", quantile(seconds, 0.9));
        out.addProperty("min_s", seconds.get(0));
        out.addProperty("model_s", quantile(sorted(results, StepTimes::model), 0.5));
        out.addProperty("update_s", quantile(sorted(results, StepTimes::update), 0.5));
        out.addProperty("images_per_s", batch / median);
        out.addProperty("outside_model", outside / all);
        out.addProperty("loss", results.get(results.size() - 1).loss());
        ProcessStatus.read()
                .ifPresent(status -> out.addProperty("peak_rss_mb", status.peakResidentBytes() / (double) (1 << 20)));
    }

    private static List<Double> sorted(List<StepResult> results, ToDoubleFunction<StepTimes> part) {
        return results.stream()
                .map(result -> part.applyAsDouble(result.seconds()))
                .sorted()
                .toList();
    }

    /** Linear between neighbours, as NumPy and PyTorch do. */
    private static double quantile(List<Double> sorted, double q) {
        double at = q * (sorted.size() - 1);
        int below = (int) at;
        int above = Math.min(below + 1, sorted.size() - 1);
        return sorted.get(below) + (at - below) * (sorted.get(above) - sorted.get(below));
    }

    @Override
    public void close() {
        state.close();
        manager.close();
    }

    /** A few batches of random latents that repeat; never zeros, which some hardware multiplies faster. */
    private static final class RandomData implements TrainingData {
        private static final int POOL = 4;

        private final Shape sample;
        private final int classes;
        private final float[][] latents = new float[POOL][];

        RandomData(Shape sample, int classes, int batch, long seed) {
            this.sample = sample;
            this.classes = classes;
            Draws draws = new Draws(seed);
            for (int i = 0; i < POOL; i++) {
                latents[i] = draws.normal(RandomStream.NOISE, (long) i * batch, batch, Math.toIntExact(sample.size()));
            }
        }

        @Override
        public long size() {
            return POOL;
        }

        @Override
        public TrainingBatch batch(NDManager manager, long first, int count) {
            long[] labels = new long[count];
            for (int i = 0; i < count; i++) {
                labels[i] = (first + i) % classes;
            }
            float[] values = latents[(int) (first / count % POOL)];
            byte[] noPictures = new byte[count];
            return new TrainingBatch(
                    OwnedArrays.of(manager, new Shape(count).addAll(sample), values),
                    OwnedArrays.of(manager, new Shape(count), labels),
                    OwnedArrays.of(manager, new Shape(count, 1, 1, 1), noPictures),
                    null);
        }
    }

    /** Random tokens made once: targets as they come from a cache, so that no encoder is timed. */
    private static final class RandomTokens implements RepresentationEncoder {
        private final NDArray classToken;
        private final NDArray patchTokens;

        RandomTokens(NDManager manager, int batch, int tokens, int width) {
            classToken = manager.randomNormal(new Shape(batch, width));
            patchTokens = manager.randomNormal(new Shape(batch, tokens, width));
        }

        @Override
        public EncoderTokens encode(NDArray images) {
            // handles of the step's own, so that the step may free them
            NDArray c = classToken.reshape(classToken.getShape());
            NDArray p = patchTokens.reshape(patchTokens.getShape());
            c.attach(images.getManager());
            p.attach(images.getManager());
            return new EncoderTokens(c, p);
        }

        @Override
        public int width() {
            return (int) classToken.getShape().get(1);
        }

        @Override
        public int tokens(int imageSize) {
            return (int) patchTokens.getShape().get(1);
        }

        @Override
        public void close() {
            classToken.close();
            patchTokens.close();
        }
    }
}
