package io.github.maskalign.core.train;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;

/**
 * Clipping, AdamW (Loshchilov, Hutter, arXiv 1711.05101) and the moving averages of the weights, in one call.
 *
 * <pre>
 * g ← g · min(1, clipNorm / (‖g‖ + 1e-6))                  norm of the norms of all tensors
 * p ← p · (1 − lr · weightDecay)
 * m ← m + (1 − β₁)(g − m),   v ← β₂ v + (1 − β₂) g²
 * p ← p − lr / (1 − β₁ᵏ) · m / (√v / √(1 − β₂ᵏ) + ε)       k = updates so far, this one included
 * e ← e · d + (1 − d) · p                                  every weight, frozen ones included, for every decay d
 * </pre>
 *
 * <p>Order of operations and roundings are those of {@code torch.nn.utils.clip_grad_norm_},
 * {@code torch.optim.AdamW} and REPA's {@code update_ema}, so that bits agree with PyTorch. If the norm or the
 * loss is not finite nothing is changed, and the update does not count in k.
 *
 * <p>Works on the arrays of one {@link TrainState}, in place; not thread-safe.
 */
public final class AdamW {
    /** Elements updated at a time on a CPU: the seven float32 arrays of a block stay in its cache. */
    private static final int BLOCK = 1 << 17;

    private final OptimConfig config;
    private final TrainState state;
    private final ScriptFunction function;
    private final NDList trained;
    private final NDList decayed;
    private final NDList averaged;
    private final NDList expAvg;
    private final NDList expAvgSq;
    private final NDList averages = new NDList();
    private final NDArray decays;

    /**
     * What one call did.
     *
     * @param applied whether anything was changed
     * @param gradNorm global norm of the gradients before clipping
     * @param losses values of the given losses
     */
    record Report(boolean applied, double gradNorm, double[] losses) {}

    /**
     * Prepares updates of a state's weights.
     *
     * @throws IllegalArgumentException if the state has averages of other decays than the settings
     */
    public AdamW(OptimConfig config, TrainState state) {
        this(config, state, state.manager().getDevice().isGpu() ? 0 : BLOCK);
    }

    /** As the other constructor, with {@code block} elements updated at a time; 0 takes each operation over all. */
    AdamW(OptimConfig config, TrainState state, int block) {
        this.config = config;
        this.state = state;
        List<String> trainedKeys = state.trainedKeys();
        List<String> decayedKeys = new ArrayList<>(trainedKeys);
        if (!config.adam().decayVectors()) {
            decayedKeys.removeIf(key -> state.weight(key).getShape().dimension() <= 1);
        }
        boolean decays = config.adam().weightDecay() > 0 && !decayedKeys.isEmpty();
        // an array may stand in one list of a call only, so each list has its own handles of the weights
        trained = handles(trainedKeys);
        decayed = decays ? handles(decayedKeys) : handles(trainedKeys.subList(0, 1));
        averaged = handles(List.copyOf(state.weights().keySet()));
        expAvg = new NDList(state.expAvg().values());
        expAvgSq = new NDList(state.expAvgSq().values());
        if (!config.extraEmaDecays().equals(List.copyOf(state.extraEma().keySet()))) {
            throw new IllegalArgumentException("the state must have averages of the decays " + config.extraEmaDecays()
                    + " besides the first but has " + state.extraEma().keySet());
        }
        averages.addAll(state.ema().values());
        state.extraEma().values().forEach(average -> averages.addAll(average.values()));
        this.decays = onHost(config, state.manager());
        function = ScriptFunction.of(AdamW.class, "optimizer.py", "optimizer_step")
                .bind("beta1", config.adam().beta1())
                .bind("beta2", config.adam().beta2())
                .bind("eps", config.adam().eps())
                .bind("weight_decay", decays ? config.adam().weightDecay() : 0.0)
                .bind("max_norm", config.clipNorm())
                .bind("block", block);
    }

    /**
     * Updates weights, moments and average, and counts the step.
     *
     * @param gradients one for each trained weight, in order; not changed
     * @param losses the total loss first, then others to be read with it; 0-d
     * @param step manager of temporary arrays
     */
    Report step(NDList gradients, NDList losses, NDManager step) {
        if (gradients.size() != trained.size()) {
            throw new IllegalArgumentException("there are " + trained.size() + " trained weights but "
                    + gradients.size() + " gradients were given");
        }
        long update = state.step() - state.skipped() + 1;
        double[] read;
        try (GradMode values = GradMode.off();
                NDManager scratch = step.newSubManager()) {
            read = function.callOn(
                            scratch,
                            trained,
                            decayed,
                            expAvg,
                            expAvgSq,
                            averaged,
                            averages,
                            gradients,
                            losses,
                            decays,
                            config.lrAt(state.step()),
                            update)
                    .singletonOrThrow()
                    .toDoubleArray();
        }
        double[] values = new double[read.length - 1];
        System.arraycopy(read, 1, values, 0, values.length);
        boolean applied = Double.isFinite(read[0]) && Double.isFinite(read[1]);
        state.advance(applied);
        return new Report(applied, read[0], values);
    }

    /** The numbers are read by the function itself: on the host that needs no wait for a device. */
    private static NDArray onHost(OptimConfig config, NDManager manager) {
        double[] values = DoubleStream.concat(
                        DoubleStream.of(config.emaDecay()),
                        config.extraEmaDecays().stream().mapToDouble(decay -> decay))
                .toArray();
        try (NDManager host = manager.newSubManager(Device.cpu())) {
            NDArray array = host.create(values).duplicate(); // the first array borrows Java memory
            array.attach(manager);
            return array;
        }
    }

    private NDList handles(List<String> keys) {
        NDList out = new NDList();
        for (String key : keys) {
            NDArray handle = state.weight(key).stopGradient(); // shares the weight's memory
            handle.attach(state.manager());
            out.add(handle);
        }
        return out;
    }
}
