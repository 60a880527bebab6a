package io.github.maskalign.core.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.core.train.Objective.StepLosses;
import java.util.OptionalDouble;
import java.util.function.Supplier;

/**
 * Terms of a loss that stop for good once they pull against the rest of it, as the trigger of HASTE (arXiv 2505.16792).
 *
 * <pre>
 * cos = ⟨∇A, ∇D⟩ / (‖∇A‖ ‖∇D‖)      A the terms with their weights, D the denoising loss,
 *                                    over the weights that both reach, on a whole global batch
 * </pre>
 *
 * <p>Each {@link Rule#every} steps the loop measures it before the step; where it was negative {@link Rule#inRow} times in a
 * row the terms stop, the step of the check included. What is remembered of it, {@link Memory}, is part of the
 * {@link TrainState}, so a run goes on as if it had not been interrupted. A check whose gradients are not finite, or that
 * have no weight in common (a fresh SiT), counts for nothing.
 *
 * <p>Belongs to one {@link Objective}; used by one thread.
 */
public final class AutoStop {
    private static final ScriptFunction PRODUCTS = ScriptFunction.of(AutoStop.class, "optimizer.py", "products");

    private final Rule rule;
    private final Probe probe;
    private Memory memory = Memory.NONE;

    /**
     * Creates a stop that has not happened.
     *
     * @param rule when it is looked
     * @param probe gives what is compared
     */
    public AutoStop(Rule rule, Probe probe) {
        this.rule = rule;
        this.probe = probe;
    }

    /**
     * When it is looked, and what ends the terms.
     *
     * @param every a check comes with each step whose number, from 1, is a multiple of this
     * @param inRow the terms stop at so many negative cosines in a row; 1 as published
     */
    public record Rule(
            @Positive @Default("1000") long every,
            @Positive @Default("1") int inRow) {
        /** A check each 1,000 steps, the first negative one ends the terms. */
        public static final Rule USUAL = new Rule(1_000, 1);
    }

    /**
     * What is remembered between checks.
     *
     * @param stoppedAt steps finished before the first one without the terms; -1 while they are there
     * @param inRow negative cosines in a row so far
     */
    public record Memory(long stoppedAt, int inRow) {
        /** Nothing yet. */
        public static final Memory NONE = new Memory(-1, 0);

        /** @throws IllegalArgumentException if a number is out of its range */
        public Memory {
            if (stoppedAt < -1 || inRow < 0) {
                throw new IllegalArgumentException(
                        "stoppedAt must be at least -1 and inRow at least 0 but were " + stoppedAt + " and " + inRow);
            }
        }

        /** Whether the terms have stopped. */
        public boolean stopped() {
            return stoppedAt >= 0;
        }

        Memory after(double cosine, long step, Rule rule) {
            int now = cosine < 0 ? inRow + 1 : 0;
            return new Memory(now >= rule.inRow() ? step : -1, now);
        }
    }

    /** The two sides of a comparison, each computed when it is asked for. */
    public record Sides(Supplier<StepLosses> terms, Supplier<StepLosses> denoising) {}

    /** Gives the losses that are compared. */
    @FunctionalInterface
    public interface Probe {
        /**
         * Reads some samples, as {@link Objective#loss} does at the same step.
         *
         * @return sides that are asked for at most once each, gradient mode on, before {@code scratch} is closed
         */
        Sides of(NDManager scratch, long step, long firstPosition, int count);
    }

    /** Returns whether the terms have stopped. */
    public boolean stopped() {
        return memory.stopped();
    }

    /** Returns what is remembered. */
    public Memory memory() {
        return memory;
    }

    void remember(Memory known) {
        memory = known;
    }

    Probe probe() {
        return probe;
    }

    Rule rule() {
        return rule;
    }

    /** Whether the step after so many others looks. */
    boolean isDue(long step) {
        return !stopped() && (step + 1) % rule.every() == 0;
    }

    /**
     * Returns the cosine of the angle between two gradients, over the arrays in which neither is all zeros; sums are in
     * float64.
     *
     * @param one gradients, float32
     * @param other gradients of the same arrays
     * @param scratch manager of what is made on the way
     * @return empty if there is no such array, or a number is not finite
     */
    public static OptionalDouble cosine(NDList one, NDList other, NDManager scratch) {
        double dot = 0;
        double ones = 0;
        double others = 0;
        try (GradMode values = GradMode.off();
                NDArray sums = PRODUCTS.callOn(scratch, one, other).singletonOrThrow()) { // (3 n)
            double[] all = sums.toDoubleArray();
            for (int i = 0; i < all.length; i += 3) {
                if (all[i + 1] != 0 && all[i + 2] != 0) {
                    dot += all[i];
                    ones += all[i + 1];
                    others += all[i + 2];
                }
            }
        }
        double cosine = dot / (Math.sqrt(ones) * Math.sqrt(others));
        return Double.isFinite(cosine) ? OptionalDouble.of(cosine) : OptionalDouble.empty();
    }
}
