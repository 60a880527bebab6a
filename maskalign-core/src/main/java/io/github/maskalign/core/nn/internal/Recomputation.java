package io.github.maskalign.core.nn.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.Autograd.Differentiation;
import io.github.maskalign.core.script.Autograd.Receiver;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Activation checkpointing (Chen et al., arXiv 1604.06174): blocks forget what they computed inside, and compute it
 * again for the backward pass.
 *
 * <pre>
 * forward    hᵢ = fᵢ(hᵢ₋₁, c; θᵢ)                        only hᵢ is kept, nothing is recorded
 *            ℓ  = g(h₁, …, h_L, c)                       recorded: all that happens outside the blocks
 * backward   h̄ᵢ = ∂g/∂hᵢ                                 ∂ℓ/∂hᵢ on the ways that miss block i + 1
 *            for i = L … 1, fᵢ once more, recorded:
 *              h̄ᵢ₋₁ += (∂fᵢ/∂hᵢ₋₁)ᵀ h̄ᵢ,   c̄ += (∂fᵢ/∂c)ᵀ h̄ᵢ,   θ̄ᵢ = (∂fᵢ/∂θᵢ)ᵀ h̄ᵢ
 * </pre>
 *
 * <p>So the inner arrays of one block exist at a time, for a third more arithmetic. The operations and the order of the
 * sums are those of the plain pass, and so are the bits of the gradients.
 *
 * <p>{@link #ofNothing} walks back block by block in the same way but keeps what the blocks computed, for the sake of
 * gradients that are known one block after the other.
 *
 * <p>One instance serves one forward and one backward pass of one thread.
 */
public final class Recomputation implements BlockRunner, Differentiation {
    private static final String FILE = "recomputation.py";
    private static final ScriptFunction LEAF = ScriptFunction.of(Recomputation.class, FILE, "leaf");
    private static final ScriptFunction VECTOR_JACOBIAN =
            ScriptFunction.of(Recomputation.class, FILE, "vector_jacobian");
    private static final ScriptFunction SUM = ScriptFunction.of(Recomputation.class, FILE, "sum_of_two");

    private final int every;
    private final boolean keeps;
    private final List<Part> parts = new ArrayList<>();
    private final Map<NDArray, Recorded> kept = new IdentityHashMap<>();
    private final Set<NDArray> leaves = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Map<Block, Boolean> again = new IdentityHashMap<>();
    private boolean used;

    /**
     * A piece of the forward pass that ends in a leaf.
     *
     * @param again gives it from its inputs; null if the piece is nothing but the step from an array to its leaf
     * @param weights what it is differentiated for besides its inputs
     * @param inputs arrays where it begins
     * @param result its result without a past
     */
    private record Part(@Nullable Forward again, NDList weights, NDArray[] inputs, NDArray result) {}

    @FunctionalInterface
    private interface Forward {
        NDArray of(NDArray[] inputs);
    }

    /** A recorded result, with the leaves where its record begins; all of it belongs to a manager of its own. */
    private record Recorded(NDManager owner, NDArray[] inputs, NDArray result) {}

    /** Runs every block so. */
    public Recomputation() {
        this(1);
    }

    /**
     * Runs one block of every so many so, the first among them, and the others plainly.
     *
     * @param every 1 saves the most memory, 2 about half of that for half the time, and so on
     */
    public Recomputation(int every) {
        if (every < 1) {
            throw new IllegalArgumentException("blocks are recomputed every 1 or more but every was " + every);
        }
        this.every = every;
        keeps = false;
    }

    private Recomputation(boolean keeps) {
        every = 1;
        this.keeps = keeps;
    }

    /**
     * Returns a way that computes nothing twice: memory and arithmetic of the plain pass, walked back block by block. It
     * costs a few more calls of the engine for each block.
     */
    public static Recomputation ofNothing() {
        return new Recomputation(true);
    }

    @Override
    public NDArray run(Block block, ParameterStore store, boolean training, NDArray... inputs) {
        if (!again.computeIfAbsent(block, one -> again.size() % every == 0)) { // of two passes in both or in neither
            NDArray[] joined = inputs.clone();
            joined[0] = join(joined[0]); // what comes before is differentiated after it: the order of the plain pass
            return PLAIN.run(block, store, training, joined);
        }
        Forward forward = given -> PLAIN.run(block, store, training, given);
        NDArray leaf;
        if (keeps) {
            NDManager owner = inputs[0].getManager();
            Recorded now = record(forward, inputs, owner.newSubManager());
            leaf = LEAF.callOn(owner, now.result).singletonOrThrow();
            kept.put(leaf, now);
        } else {
            try (GradMode values = GradMode.off();
                    NDArray result = forward.of(inputs)) {
                leaf = LEAF.callForOne(result);
            }
        }
        NDList weights = new NDList(); // the arrays that the block was given, in key order
        for (Parameter parameter : ParameterKeys.of(block).values()) {
            if (parameter.requiresGradient()) {
                weights.add(store.getValue(parameter, leaf.getDevice(), training));
            }
        }
        parts.add(new Part(forward, weights, inputs.clone(), leaf));
        leaves.add(leaf);
        return leaf;
    }

    @Override
    public NDArray join(NDArray x) {
        if (leaves.contains(x)) {
            return x;
        }
        NDArray leaf = LEAF.callForOne(x);
        parts.add(new Part(null, new NDList(), new NDArray[] {x}, leaf));
        leaves.add(leaf);
        return leaf;
    }

    /**
     * {@inheritDoc}
     *
     * <p>Closes the results of {@link #run} and {@link #join}.
     *
     * @throws IllegalStateException if it was called before
     */
    @Override
    public NDList gradients(NDArray loss, NDList parameters, NDManager owner) {
        try (NDManager scratch = owner.newSubManager()) {
            Sums sums = new Sums(parameters, scratch);
            walk(loss, sums, part -> {});
            return sums.result(owner);
        }
    }

    /**
     * {@inheritDoc}
     *
     * <p>Those of a block's weights are handed over as soon as the walk has passed the block, and the first of the blocks
     * if several have the same weights. All others come at the end.
     *
     * @throws IllegalStateException if it was called before, or if a weight of a block is used before an earlier block
     *     too: its gradient was handed over when more of it was found
     */
    @Override
    public void gradients(NDArray loss, NDList parameters, NDManager owner, Receiver receiver) {
        try (NDManager scratch = owner.newSubManager()) {
            Sums sums = new Sums(parameters, scratch);
            walk(loss, sums, part -> sums.handOver(sums.completeAfter(part), owner, receiver));
            sums.handOver(sums.places.keySet(), owner, receiver);
        }
    }

    private void walk(NDArray loss, Sums sums, Consumer<Part> passed) {
        if (loss.size() != 1) {
            throw new IllegalArgumentException("a loss must be one number but has shape " + loss.getShape());
        }
        if (used) {
            throw new IllegalStateException("the gradients of this forward pass were already asked for");
        }
        used = true;
        NDManager scratch = sums.scratch;
        scratch.setName("recomputation");
        sums.differentiate(loss, scratch.ones(loss.getShape(), loss.getDataType()));
        for (int i = parts.size() - 1; i >= 0; i--) {
            Part part = parts.get(i);
            NDArray seed = sums.takeLast();
            if (seed != null) {
                backward(part, seed, sums, scratch);
                seed.close();
            }
            part.result.close();
            passed.accept(part);
        }
    }

    /** How many of a block's inputs may have gradients: all but places of tokens, (N, K) int64, which come last. */
    private static int varying(NDArray[] inputs) {
        int last = inputs.length - 1;
        boolean places =
                last > 0 && inputs[last].getShape().dimension() == 2 && inputs[last].getDataType() == DataType.INT64;
        return places ? last : inputs.length;
    }

    /** Computes a part from leaves of its own, so that its record ends there. */
    private static Recorded record(Forward forward, NDArray[] inputs, NDManager owner) {
        NDArray[] leaves = new NDArray[inputs.length];
        int varying = varying(inputs);
        System.arraycopy(inputs, varying, leaves, varying, inputs.length - varying);
        for (int k = 0; k < varying; k++) {
            leaves[k] = LEAF.callOn(owner, inputs[k]).singletonOrThrow();
        }
        try (GradMode recording = GradMode.on()) {
            return new Recorded(owner, leaves, forward.of(leaves));
        }
    }

    private void backward(Part part, NDArray seed, Sums sums, NDManager scratch) {
        if (part.again == null) {
            sums.reach(part.inputs[0], seed);
            return;
        }
        NDList gradients;
        Recorded before = kept.remove(part.result);
        try (NDManager inner = before == null ? scratch.newSubManager() : before.owner) {
            Recorded recorded = before == null ? record(part.again, part.inputs, inner) : before;
            NDList wanted = new NDList(Arrays.copyOf(recorded.inputs, varying(part.inputs)));
            wanted.addAll(part.weights);
            gradients = VECTOR_JACOBIAN.callOn(scratch, recorded.result, seed, wanted);
        }
        int inputs = varying(part.inputs);
        for (int k = 0; k < part.weights.size(); k++) {
            sums.add(part.weights.get(k), gradients.get(inputs + k));
        }
        for (int k = inputs - 1; k >= 0; k--) { // the stream x comes first and is followed last: it leads further back
            sums.reach(part.inputs[k], gradients.get(k));
        }
    }

    /** Gradients of leaves and parameters as far as they are known. */
    private final class Sums {
        private final Map<NDArray, NDArray> known = new IdentityHashMap<>();
        private final NDList parameters;
        private final NDManager scratch;
        private int open = parts.size();

        /** Where the parameters are that were not handed over. */
        private final Map<NDArray, Integer> places = new IdentityHashMap<>();

        private final Set<NDArray> handedOver = Collections.newSetFromMap(new IdentityHashMap<>());

        /** The blocks that have a weight and were not passed. */
        private final Map<NDArray, Integer> users = new IdentityHashMap<>();

        Sums(NDList parameters, NDManager scratch) {
            this.parameters = parameters;
            this.scratch = scratch;
            for (int i = 0; i < parameters.size(); i++) {
                places.put(parameters.get(i), i);
            }
            parts.forEach(part -> part.weights.forEach(weight -> users.merge(weight, 1, Integer::sum)));
        }

        /** Returns the parameters that no part before this one has. */
        List<NDArray> completeAfter(Part part) {
            return part.weights.stream()
                    .filter(weight -> users.merge(weight, -1, Integer::sum) == 0)
                    .toList();
        }

        void handOver(Collection<NDArray> some, NDManager owner, Receiver receiver) {
            List<NDArray> chosen = some.stream()
                    .filter(places::containsKey)
                    .sorted(Comparator.comparing(places::get))
                    .toList();
            if (chosen.isEmpty()) {
                return;
            }
            List<Integer> which = new ArrayList<>();
            NDList gradients = new NDList();
            for (NDArray parameter : chosen) {
                NDArray gradient = known.remove(parameter);
                gradients.add(gradient == null ? parameter.zerosLike() : gradient);
                which.add(places.remove(parameter));
            }
            handedOver.addAll(chosen);
            gradients.attach(owner);
            receiver.take(which, gradients, new NDList(known.values()));
        }

        /** Takes in the gradient of an input of a part: of a leaf, or of what was recorded since the leaves before. */
        void reach(NDArray array, NDArray gradient) {
            if (leaves.contains(array)) {
                add(array, gradient);
            } else {
                differentiate(array, gradient);
            }
        }

        void differentiate(NDArray root, NDArray seed) {
            NDList wanted = new NDList();
            parts.subList(0, open).forEach(part -> wanted.add(part.result)); // no array depends on a later leaf
            wanted.addAll(parameters);
            NDList found = VECTOR_JACOBIAN.callOn(scratch, root, seed, wanted);
            for (int i = 0; i < wanted.size(); i++) {
                add(wanted.get(i), found.get(i));
            }
        }

        /** Adds to what is known; empty means nothing to add. */
        void add(NDArray array, NDArray gradient) {
            if (gradient.size() == 0) {
                gradient.close();
                return;
            }
            if (handedOver.contains(array)) {
                throw new IllegalStateException("a weight of a block, of shape " + array.getShape()
                        + ", is used before an earlier block too: its gradient is not whole when its block is passed");
            }
            NDArray before = known.get(array);
            if (before == null) {
                known.put(array, gradient);
                return;
            }
            known.put(array, SUM.callOn(scratch, before, gradient).singletonOrThrow());
            before.close();
            gradient.close();
        }

        /** Returns the whole gradient of the last leaf; from now on it is the one before. */
        @Nullable
        NDArray takeLast() {
            open--;
            return known.remove(parts.get(open).result);
        }

        NDList result(NDManager owner) {
            NDList out = new NDList();
            for (NDArray parameter : parameters) {
                NDArray gradient = known.get(parameter);
                out.add(gradient == null ? parameter.zerosLike() : gradient);
            }
            out.attach(owner);
            return out;
        }
    }
}
