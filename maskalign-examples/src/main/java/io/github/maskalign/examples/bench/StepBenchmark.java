package io.github.maskalign.examples.bench;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.core.train.TrainStep;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTLoss;
import io.github.maskalign.sit.SiTObjective;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whole training steps of one model, ready to be timed: forward, backward, clipping, AdamW and EMA, with all random
 * draws and random latents and targets, and nothing else.
 */
public final class StepBenchmark implements AutoCloseable {
    private final NDManager manager;
    private final @Nullable PrecomputedTokens encoder;
    private final TrainStep step;
    private final TrainState state;
    private final int batch;
    private final long parameters;

    /**
     * What to measure.
     *
     * @param device where it computes
     * @param model the model
     * @param precision arithmetic of its matrix products
     * @param diffusion path and timesteps
     * @param optim optimiser
     * @param activationCheckpointing 0, or which blocks compute their activations again
     * @param batch samples of a step
     * @param seed run seed
     */
    public record Case(
            Device device,
            SiTConfig model,
            Precision precision,
            DiffusionConfig diffusion,
            OptimConfig optim,
            int activationCheckpointing,
            int batch,
            long seed) {}

    /** Builds the model and everything a step needs. */
    public StepBenchmark(Case what) {
        manager = NDManager.newBaseManager(what.device());
        SiTConfig config = what.model();
        batch = what.batch();
        SiT model = new SiT(config, what.precision());
        model.initialize(manager);
        openGates(model);
        int width = config.hasClassToken()
                ? config.classTokenWidth()
                : config.encoderWidths().isEmpty() ? 0 : config.encoderWidths().get(0);
        encoder = width == 0 ? null : new PrecomputedTokens(manager, batch, config.tokens(), width);
        Draws draws = new Draws(what.seed());
        int side = config.model().inputSize();
        SiTObjective objective = new SiTObjective(
                        new SiTLoss(model, what.diffusion().path()),
                        what.diffusion().timesteps(),
                        new RandomData(
                                new Shape(config.model().inChannels(), side, side),
                                config.model().numClasses(),
                                batch,
                                what.seed()),
                        encoder,
                        new TokenSubsetSampler(config.subset(), draws, Integer.MAX_VALUE))
                .withActivationCheckpointing(what.activationCheckpointing());
        state = new TrainState(manager, objective.parameters());
        parameters = objective.parameters().values().stream()
                .filter(Parameter::requiresGradient)
                .mapToLong(p -> p.getShape().size())
                .sum();
        step = new TrainStep(objective, state, what.optim(), batch, 1);
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

    /** Returns the number of samples of a step. */
    public int batch() {
        return batch;
    }

    /** Returns the number of trained numbers. */
    public long parameters() {
        return parameters;
    }

    @Override
    public void close() {
        state.close();
        if (encoder != null) {
            encoder.close();
        }
        manager.close();
    }
}
