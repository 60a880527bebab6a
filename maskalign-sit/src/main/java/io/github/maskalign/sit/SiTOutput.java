package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a SiT predicts.
 *
 * @param velocity velocity (N, C, H, W); if tokens were dropped for good, that of the kept ones (N, K, p²·C), channel
 *     fastest. With diffusion.process DDPM in its place noise and variance, 2C channels
 * @param projected projected tokens at the alignment depth, (N, T, Z) for each encoder, class token first if there is
 *     one; only the kept tokens if the others were away at that depth
 * @param classVelocity velocity of the class token (N, Z), if there is one
 * @param taps what was asked for from inside
 */
public record SiTOutput(
        NDArray velocity, List<NDArray> projected, @Nullable NDArray classVelocity, Taps taps) {
    /** Copies the list. */
    public SiTOutput {
        projected = List.copyOf(projected);
    }

    /**
     * What a forward pass handed out from between its blocks.
     *
     * @param hidden hidden tokens (N, [1+]T, D) behind a block, by its number; 0 is the input of the first, behind the mixer;
     *     only the kept tokens where the others were away
     * @param attention attention logits (N, h, [1+]T, [1+]T) of a block before the softmax, by its number from 1
     * @param selfAligned hidden tokens (N, [1+]T, D) behind the block of {@code terms.selfAlign}, through its head
     */
    public record Taps(
            Map<Integer, NDArray> hidden,
            Map<Integer, NDArray> attention,
            @Nullable NDArray selfAligned) {
        /** Nothing. */
        public static final Taps NONE = new Taps(Map.of(), Map.of(), null);

        /** Copies the maps. */
        public Taps {
            hidden = Map.copyOf(hidden);
            attention = Map.copyOf(attention);
        }

        /** @throws IllegalArgumentException if the hidden tokens of this block were not asked for */
        NDArray hidden(int block) {
            return found("hidden tokens", hidden, block);
        }

        /** @throws IllegalArgumentException if the attention of this block was not asked for */
        NDArray attention(int block) {
            return found("attention", attention, block);
        }

        /** @throws IllegalArgumentException if the head of self-alignment was not asked for */
        NDArray requireSelfAligned() {
            return given("tokens behind the head of self-alignment", selfAligned);
        }

        private static NDArray found(String what, Map<Integer, NDArray> taps, int block) {
            return given(what + " of block " + block, taps.get(block));
        }

        private static NDArray given(String what, @Nullable NDArray array) {
            if (array == null) {
                throw new IllegalArgumentException(
                        "the output has no " + what + ": forward must be asked for it, or SiTLoss.compute called");
            }
            return array;
        }
    }

    /**
     * What a forward pass is asked to hand out.
     *
     * @param hidden blocks whose hidden tokens are wanted, 0 to the depth
     * @param attention blocks whose attention is wanted, from 1; it is computed for these alone
     * @param selfAligned whether the head of self-alignment is run, for a model that has it
     */
    public record Wanted(Set<Integer> hidden, Set<Integer> attention, boolean selfAligned) {
        /** Nothing. */
        public static final Wanted NOTHING = new Wanted(Set.of(), Set.of(), false);

        /** Copies the sets. */
        public Wanted {
            hidden = Set.copyOf(hidden);
            attention = Set.copyOf(attention);
        }
    }

    /** Velocity, then the class token's velocity if there is one, then the projected tokens. */
    public NDList toNDList() {
        NDList list = new NDList(velocity);
        if (classVelocity != null) {
            list.add(classVelocity);
        }
        list.addAll(projected);
        return list;
    }

    /** Takes apart what {@link #toNDList} of a model of this config returned. */
    public static SiTOutput of(NDList list, SiTConfig config) {
        int first = config.hasClassToken() ? 2 : 1;
        return new SiTOutput(
                list.get(0), list.subNDList(first), config.hasClassToken() ? list.get(1) : null, Taps.NONE);
    }
}
