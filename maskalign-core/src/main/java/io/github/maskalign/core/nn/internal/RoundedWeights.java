package io.github.maskalign.core.nn.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.util.Pair;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.Autograd.Differentiation;
import io.github.maskalign.core.script.Autograd.Receiver;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * The operands of a model's products, rounded to bfloat16 once a step and not once a use.
 *
 * <pre>
 * w̃ = bf16(w)                          all weights in one operation, see {@link #refresh}
 * ∂ℓ/∂w = float32(∂ℓ/∂w̃)               see {@link #around}
 * </pre>
 *
 * <p>A block that is given w̃ has nothing left to round, so values and gradients are to the bit what they are with w; where
 * a weight has several uses, their gradients are added in bfloat16. The float32 weights move into one piece of memory when this
 * is made, so handles of a weight (but not its parameter's array) that are older do not follow it any more.
 *
 * <p>w̃ is seen by scripts alone and never read into Java. Used by one thread.
 */
public final class RoundedWeights extends ParameterStore {
    private static final String FILE = "rounded_weights.py";
    private static final ScriptFunction LAY_OUT = ScriptFunction.of(RoundedWeights.class, FILE, "lay_out");
    private static final ScriptFunction LEAVES = ScriptFunction.of(RoundedWeights.class, FILE, "leaves");
    private static final ScriptFunction ROUND_AGAIN = ScriptFunction.of(RoundedWeights.class, FILE, "round_again");

    /**
     * Gradients that are converted at once on a GPU, which would otherwise wait for kernels to start: their copies in bfloat16 take
     * 128 MiB. A processor converts each alone: it starts quickly, and memory of that size comes fresh from the system every time.
     */
    private static final long AT_ONCE = 1L << 26;

    private final ScriptFunction inFloat32;
    private final Map<Parameter, NDArray> leaves = new IdentityHashMap<>();
    private final Map<NDArray, NDArray> leafOf = new IdentityHashMap<>();
    private final NDArray common; // all of w
    private final NDArray rounded; // all of w̃

    /**
     * Rounds the weights of an initialised model.
     *
     * @param model has at least one weight that is rounded, see {@link #of}
     * @param owner manager of the rounded weights
     */
    public RoundedWeights(Block model, NDManager owner) {
        this(model, owner, owner.getDevice().isGpu() ? AT_ONCE : 0);
    }

    RoundedWeights(Block model, NDManager owner, long atOnce) {
        inFloat32 = ScriptFunction.of(RoundedWeights.class, FILE, "in_float32").bind("at_once", atOnce);
        List<Parameter> parameters = of(model);
        NDList weights = new NDList();
        parameters.forEach(parameter -> weights.add(parameter.getArray()));
        try (GradMode values = GradMode.off()) {
            common = LAY_OUT.callOn(owner, weights).singletonOrThrow();
            NDList made = LEAVES.callOn(owner, common, weights);
            rounded = made.get(0);
            for (int i = 0; i < weights.size(); i++) {
                leaves.put(parameters.get(i), made.get(i + 1));
                leafOf.put(weights.get(i), made.get(i + 1));
            }
        }
    }

    /** Returns the parameters of a block and its children that its functions round; empty in float32. */
    public static List<Parameter> of(Block block) {
        List<Parameter> out = new ArrayList<>();
        if (block instanceof ScriptedBlock scripted) {
            out.addAll(scripted.rounded());
        }
        for (Pair<String, Block> child : block.getChildren()) {
            out.addAll(of(child.getValue()));
        }
        return out;
    }

    /** Follows the weights; to be called when they have changed. */
    public void refresh() {
        try (GradMode values = GradMode.off();
                NDArray done = ROUND_AGAIN.callForOne(rounded, common)) {
            assert done.size() == 1;
        }
    }

    /** Returns the rounded weight, or the weight itself where nothing rounds it. */
    @Override
    public NDArray getValue(Parameter parameter, Device device, boolean training) {
        NDArray leaf = leaves.get(parameter);
        return leaf == null ? parameter.getArray() : leaf;
    }

    /** Returns what gives the gradients of a loss that was computed with this store, for the weights themselves. */
    public Differentiation around(Differentiation inner) {
        return new Differentiation() {
            @Override
            public NDList gradients(NDArray loss, NDList weights, NDManager owner) {
                try (NDManager scratch = owner.newSubManager()) {
                    return converted(inner.gradients(loss, leavesOf(weights), scratch), owner);
                }
            }

            @Override
            public void gradients(NDArray loss, NDList weights, NDManager owner, Receiver receiver) {
                inner.gradients(loss, leavesOf(weights), owner, (which, found, inUse) -> {
                    NDList whole;
                    try (found) {
                        whole = converted(found, owner);
                    }
                    receiver.take(which, whole, inUse);
                });
            }
        };
    }

    private NDList leavesOf(NDList weights) {
        NDList wanted = new NDList();
        weights.forEach(weight -> wanted.add(leafOf.getOrDefault(weight, weight)));
        return wanted;
    }

    private NDList converted(NDList gradients, NDManager owner) {
        if (gradients.isEmpty()) {
            return gradients;
        }
        try (GradMode values = GradMode.off()) {
            return inFloat32.callOn(owner, gradients);
        }
    }
}
