package io.github.maskalign.core.train;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import java.util.stream.DoubleStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Clipping, AdamW (Loshchilov, Hutter, arXiv 1711.05101) or Adan, and the moving averages of the weights.
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
 * {@code torch.optim.AdamW} and REPA's {@code update_ema}, so that bits agree with PyTorch. On a GPU whose engine has
 * AdamW as one kernel that kernel is used, if three updates of test arrays differ from the formulas by less than 1e-6;
 * weights and averages then differ by roundings.
 *
 * <p>With {@link OptimConfig.Kind#ADAN} the middle is Adan's (Xie et al., arXiv 2208.06677), in the order of operations of
 * sail-sg/Adan's {@code adan.py}, its weight decay that of the proximal rule:
 *
 * <pre>
 * d = g − g before, 0 at the first update
 * m ← β₁ m + (1 − β₁) g,   q ← β₂ q + (1 − β₂) d,   v ← β₃ v + (1 − β₃)(g + β₂ d)²
 * p ← (p − (lr / (1 − β₁ᵏ) · m + lr β₂ / (1 − β₂ᵏ) · q) / (√v / √(1 − β₃ᵏ) + ε)) / (1 + lr · weightDecay)
 * </pre>
 *
 * <p>Norm and losses are read once, before anything is changed, and nothing is read after that: while the device updates,
 * the host can prepare the next step. If the norm or the loss is not finite nothing is changed, and the update does not
 * count in k.
 *
 * <p>Works on the arrays of one {@link TrainState}, in place; not thread-safe.
 */
public final class AdamW {
    /** Elements updated at a time on a CPU: the seven float32 arrays of a block stay in its cache. */
    private static final int BLOCK = 1 << 17;

    /** Elements of the arrays that one operation goes over on a GPU: what it makes anew takes 256 MiB, or a larger array's size. */
    private static final long GROUP = 1L << 26;

    private static final float LARGEST_DIFFERENCE = 1e-6f;
    private static final Logger LOG = LoggerFactory.getLogger(AdamW.class);
    private static final String FILE = "optimizer.py";
    private static final ScriptFunction SCALED = ScriptFunction.of(AdamW.class, FILE, "scaled");
    private static final ScriptFunction FUSED_DIFFERENCE = ScriptFunction.of(AdamW.class, FILE, "fused_difference");

    private final OptimConfig config;
    private final TrainState state;
    private final ScriptFunction measures;
    private final ScriptFunction update;
    private final ScriptFunction updateByAdan;
    private final boolean adan;
    private final NDList expAvgDiff;
    private final NDList negPreGrad;
    private final NDList trained;
    private final NDList decayed;
    private final NDList averaged;
    private final NDList expAvg;
    private final NDList expAvgSq;
    private final NDList averages = new NDList();
    private final NDArray decays;
    private final Map<String, List<Integer>> groups = new LinkedHashMap<>(); // places of the gradients clipped together

    /**
     * What one call did.
     *
     * @param applied whether anything was changed
     * @param gradNorm global norm of the gradients of the main group before clipping
     * @param losses values of the given losses
     * @param otherNorms the same of the other groups, by their names in logs
     */
    record Report(boolean applied, double gradNorm, double[] losses, Map<String, Double> otherNorms) {}

    /**
     * Prepares updates of a state's weights.
     *
     * @throws IllegalArgumentException if the state has averages of other decays than the settings
     */
    public AdamW(OptimConfig config, TrainState state) {
        this(config, state, Form.of(state));
    }

    /**
     * How the arrays are gone over.
     *
     * @param block elements that are updated at a time; 0 takes each operation over groups of arrays
     * @param group elements of such a group, or more
     * @param fused whether the engine's one kernel is used for a group
     */
    record Form(int block, long group, boolean fused) {
        static Form of(TrainState state) {
            return state.manager().getDevice().isGpu()
                    ? new Form(0, GROUP, state.expAvgDiff().isEmpty() && fusedAgrees(state))
                    : new Form(BLOCK, GROUP, false);
        }
    }

    /** Whether the engine has AdamW as one kernel for the state's device that computes what the formulas say. */
    static boolean fusedAgrees(TrainState state) {
        try (GradMode values = GradMode.off();
                NDManager scratch = state.manager().newSubManager()) {
            NDArray like = state.expAvg().values().iterator().next();
            float largest = 0;
            for (float difference :
                    FUSED_DIFFERENCE.callOn(scratch, like).singletonOrThrow().toFloatArray()) {
                largest = Float.isNaN(difference) ? Float.POSITIVE_INFINITY : Math.max(largest, difference);
            }
            boolean agrees = largest < LARGEST_DIFFERENCE;
            LOG.info(
                    "AdamW as one kernel differs from its formulas by {}: it is {}",
                    largest,
                    agrees ? "used" : "not used");
            return agrees;
        } catch (EngineException e) {
            LOG.debug("this engine has no fused AdamW for {}", state.manager().getDevice(), e);
            return false;
        }
    }

    /** The most that an update makes anew at a time: of a block or a group, square roots and clipped gradients. */
    static long temporaryBytes(TrainState state) {
        long all = 0;
        long largest = 0;
        for (NDArray moment : state.expAvg().values()) {
            all += moment.size();
            largest = Math.max(largest, moment.size());
        }
        boolean gpu = state.manager().getDevice().isGpu();
        if (!state.expAvgDiff().isEmpty()) { // whole arrays of a group, on a CPU too
            return 2 * Float.BYTES * Math.min(all, (gpu ? GROUP : BLOCK) + largest);
        }
        return 2 * Float.BYTES * Math.min(all, gpu ? GROUP + largest : BLOCK);
    }

    /** As the other constructor, in some form. */
    AdamW(OptimConfig config, TrainState state, Form form) {
        this(config, state, form, key -> "");
    }

    /** As the other constructor, with weights that are clipped apart, see {@link Objective#clippedWith}. */
    AdamW(OptimConfig config, TrainState state, UnaryOperator<String> clippedWith) {
        this(config, state, Form.of(state), clippedWith);
    }

    private AdamW(OptimConfig config, TrainState state, Form form, UnaryOperator<String> clippedWith) {
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
        for (int i = 0; i < trainedKeys.size(); i++) {
            groups.computeIfAbsent(clippedWith.apply(trainedKeys.get(i)), name -> new ArrayList<>())
                    .add(i);
        }
        List<String> averagedKeys = new ArrayList<>(trainedKeys); // and behind them the frozen ones
        averagedKeys.retainAll(state.ema().keySet());
        int shared = averagedKeys.size();
        if (!trainedKeys.subList(0, shared).equals(averagedKeys) || !groups.containsKey("")) {
            throw new IllegalArgumentException("the trained weights with averages must come first, and some must be of"
                    + " the main group, but the keys were " + trainedKeys);
        }
        state.ema().keySet().stream()
                .filter(key -> !state.expAvg().containsKey(key))
                .forEach(averagedKeys::add);
        averaged = handles(averagedKeys);
        expAvg = new NDList(state.expAvg().values());
        expAvgSq = new NDList(state.expAvgSq().values());
        adan = config.adam().kind() == OptimConfig.Kind.ADAN;
        if (adan == state.expAvgDiff().isEmpty()) {
            throw new IllegalArgumentException("the state must have what the optimiser keeps, for optim.kind "
                    + config.adam().kind() + ", but was made for the other kind");
        }
        expAvgDiff = new NDList(state.expAvgDiff().values());
        negPreGrad = new NDList(state.negPreGrad().values());
        if (!config.extraEmaDecays().equals(List.copyOf(state.extraEma().keySet()))) {
            throw new IllegalArgumentException("the state must have averages of the decays " + config.extraEmaDecays()
                    + " besides the first but has " + state.extraEma().keySet());
        }
        List<Map<String, NDArray>> all = new ArrayList<>(List.of(state.ema()));
        all.addAll(state.extraEma().values());
        all.forEach(
                average -> averagedKeys.forEach(key -> averages.add(Objects.requireNonNull(average.get(key), key))));
        this.decays = onHost(config, state.manager());
        measures = ScriptFunction.of(AdamW.class, FILE, "measures").bind("max_norm", config.clipNorm());
        updateByAdan = ScriptFunction.of(AdamW.class, FILE, "update_by_adan")
                .bind("beta1", config.adam().beta1())
                .bind("beta2", config.adam().beta2())
                .bind("beta3", config.adam().beta3())
                .bind("eps", config.adam().eps())
                .bind("weight_decay", decays ? config.adam().weightDecay() : 0.0)
                .bind("group", form.block() > 0 ? form.block() : form.group());
        update = ScriptFunction.of(AdamW.class, FILE, "update_weights")
                .bind("beta1", config.adam().beta1())
                .bind("beta2", config.adam().beta2())
                .bind("eps", config.adam().eps())
                .bind("weight_decay", decays ? config.adam().weightDecay() : 0.0)
                .bind("shared", shared)
                .bind("block", form.block())
                .bind("group", form.group())
                .bind("fused", form.fused());
    }

    /**
     * Updates weights, moments and average, and counts the step.
     *
     * @param gradients one for each trained weight, in order; not changed
     * @param losses the total loss first, then others to be read with it; 0-d
     * @param step manager of temporary arrays
     */
    Report step(NDList gradients, NDList losses, NDManager step) {
        return step(gradients, losses, step, () -> {});
    }

    /**
     * As the other method.
     *
     * @param before run before anything is changed, if something is
     */
    Report step(NDList gradients, NDList losses, NDManager step, Runnable before) {
        if (gradients.size() != trained.size()) {
            throw new IllegalArgumentException("there are " + trained.size() + " trained weights but "
                    + gradients.size() + " gradients were given");
        }
        try (GradMode values = GradMode.off();
                NDManager scratch = step.newSubManager()) {
            if (groups.size() > 1) {
                return stepOfGroups(gradients, losses, scratch, before);
            }
            NDList measured = measures.callOn(scratch, gradients, losses);
            double[] read = measured.get(0).toDoubleArray();
            double norm = read[0];
            double factor = read[1];
            double[] found = Arrays.copyOfRange(read, 2, read.length);
            boolean applied = Double.isFinite(norm) && Double.isFinite(found[0]);
            if (applied) {
                before.run();
                update(scratch, gradients, measured.get(1), config.clipNorm() > 0 && factor < 1); // 1 changes no bit
            }
            state.advance(applied);
            return new Report(applied, norm, found, Map.of());
        }
    }

    /** Clips each group by its own norm, then updates all as one: AdamW looks at each number by itself. */
    private Report stepOfGroups(NDList gradients, NDList losses, NDManager scratch, Runnable before) {
        NDList clipped = new NDList(gradients);
        Map<String, Double> norms = new LinkedHashMap<>();
        double[] found = {};
        NDArray coefficient = null;
        for (Map.Entry<String, List<Integer>> group : groups.entrySet()) {
            NDList own = new NDList();
            group.getValue().forEach(i -> own.add(gradients.get(i)));
            NDList measured = measures.callOn(scratch, own, losses);
            double[] read = measured.get(0).toDoubleArray();
            norms.put(group.getKey(), read[0]);
            found = Arrays.copyOfRange(read, 2, read.length);
            coefficient = measured.get(1);
            if (config.clipNorm() > 0 && read[1] < 1) {
                NDList scaled = SCALED.callOn(scratch, own, coefficient);
                for (int k = 0; k < scaled.size(); k++) {
                    clipped.set(group.getValue().get(k), scaled.get(k));
                }
            }
        }
        boolean applied = norms.values().stream().allMatch(Double::isFinite) && Double.isFinite(found[0]);
        if (applied) {
            before.run();
            update(scratch, clipped, Objects.requireNonNull(coefficient), false);
        }
        state.advance(applied);
        Map<String, Double> others = new LinkedHashMap<>();
        norms.forEach((name, norm) -> {
            if (!name.isEmpty()) {
                others.put("grad_norm/" + name, norm);
            }
        });
        return new Report(applied, Objects.requireNonNull(norms.get("")), found, others);
    }

    private void update(NDManager scratch, NDList gradients, NDArray coefficient, boolean clipped) {
        double lr = config.lrAt(state.step());
        long count = state.step() - state.skipped() + 1;
        if (adan) {
            updateByAdan.callOn(
                    scratch,
                    trained,
                    decayed,
                    expAvg,
                    expAvgDiff,
                    expAvgSq,
                    negPreGrad,
                    averaged,
                    averages,
                    gradients,
                    coefficient,
                    decays,
                    clipped,
                    lr,
                    count);
        } else {
            update.callOn(
                    scratch,
                    trained,
                    decayed,
                    expAvg,
                    expAvgSq,
                    averaged,
                    averages,
                    gradients,
                    coefficient,
                    decays,
                    clipped,
                    lr,
                    count);
        }
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
