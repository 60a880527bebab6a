package io.github.maskalign.core.align;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import java.util.Objects;
import java.util.Optional;
import java.util.function.DoubleSupplier;

/**
 * Which tokens training leaves out, and from what.
 *
 * @param placement where the subset acts
 * @param dropping how many tokens are dropped
 * @param drawing which ones
 * @param route the blocks of {@link SubsetPlacement#ROUTE}; the others do not read it
 * @param sparse the parts of {@link SubsetPlacement#SPARSE} and MASKED_PASS; the others do not read it
 * @param decoder what {@link SubsetPlacement#DROP_REINSERT} puts behind the blocks; null for nothing but the learned token
 */
public record SubsetConfig(
        @Default("NONE") SubsetPlacement placement,
        @Inline Dropping dropping,
        @Inline Drawing drawing,
        @Inline Route route,
        @Inline Sparse sparse,
        @Default("null") Optional<Decoder> decoder) {

    private static final SubsetConfig PAPER = new SubsetConfig(
            SubsetPlacement.DROP,
            new Dropping(0.25, SubsetSchedule.CONSTANT, 0, 4, 0.2, 0, 0),
            new Drawing(Scope.PER_SAMPLE, Rounding.MAE, Order.SORTED, Pattern.RANDOM),
            new Route(2, -4, false),
            new Sparse(2, 0.1),
            Optional.empty());

    /**
     * How many tokens are dropped in the course of a run.
     *
     * @param ratio share of the patch tokens dropped (the paper's mask ratio), in [0, 1); 0 draws nothing
     * @param schedule how the ratio changes over the run
     * @param scheduleMinRatio smallest ratio of a falling or rising schedule, in [0, ratio]
     * @param schedulePower exponent k of {@link SubsetSchedule#COSINE}, in [2, 6]
     * @param scheduleWidth width of {@link SubsetSchedule#UNIFORM_RANGE}, ratio + width at most 1
     * @param unmaskedTailSteps number of steps at the end of the run with ratio 0
     * @param unmaskedTailShare the same as a share of the run, in [0, 1), rounded down to whole steps; the larger one holds
     */
    public record Dropping(
            @Default("0.25") double ratio,
            @Default("CONSTANT") SubsetSchedule schedule,
            @Default("0.0") double scheduleMinRatio,
            @Default("4") int schedulePower,
            @Default("0.2") double scheduleWidth,
            @Default("0") int unmaskedTailSteps,
            @Default("0.0") double unmaskedTailShare) {
        public Dropping {
            Objects.requireNonNull(schedule, "schedule must be given");
            check(ratio >= 0 && ratio < 1, "ratio must be in [0, 1) but was " + ratio);
            check(
                    scheduleMinRatio >= 0 && scheduleMinRatio <= ratio,
                    "scheduleMinRatio must be in [0, " + ratio + "], the ratio, but was " + scheduleMinRatio);
            check(schedulePower >= 2 && schedulePower <= 6, "schedulePower must be in [2, 6] but was " + schedulePower);
            check(scheduleWidth >= 0 && scheduleWidth <= 1, "scheduleWidth must be in [0, 1] but was " + scheduleWidth);
            check(
                    schedule != SubsetSchedule.UNIFORM_RANGE || ratio + scheduleWidth <= 1,
                    "ratio + scheduleWidth must be at most 1 but was " + ratio + " + " + scheduleWidth);
            check(unmaskedTailSteps >= 0, "unmaskedTailSteps must be at least 0 but was " + unmaskedTailSteps);
            check(
                    unmaskedTailShare >= 0 && unmaskedTailShare < 1,
                    "unmaskedTailShare must be in [0, 1) but was " + unmaskedTailShare);
        }

        /** Whether a long enough run ends with steps in which nothing is dropped. */
        public boolean hasTail() {
            return unmaskedTailSteps > 0 || unmaskedTailShare > 0;
        }

        /** Returns how many of {@code steps} are at the end of the run and drop nothing. */
        public long tail(long steps) {
            return Math.max(unmaskedTailSteps, (long) (unmaskedTailShare * steps));
        }

        /** The largest ratio that a step of the schedule may have. */
        private double largest() {
            double width = schedule == SubsetSchedule.UNIFORM_RANGE ? scheduleWidth : 0;
            return width == 0 ? ratio : Math.nextDown(ratio + width);
        }
    }

    /**
     * Which tokens are kept.
     *
     * @param scope whether samples of a batch share one subset
     * @param rounding how a ratio becomes a number of tokens
     * @param order order of the kept tokens
     * @param pattern from among which tokens they are drawn
     */
    public record Drawing(
            @Default("PER_SAMPLE") Scope scope,
            @Default("MAE") Rounding rounding,
            @Default("SORTED") Order order,
            @Default("RANDOM") Pattern pattern) {
        public Drawing {
            Objects.requireNonNull(scope, "scope must be given");
            Objects.requireNonNull(rounding, "rounding must be given");
            Objects.requireNonNull(order, "order must be given");
            Objects.requireNonNull(pattern, "pattern must be given");
        }

        /**
         * Returns how many tokens are kept.
         *
         * @param tokens T, at least 1
         * @param ratio share dropped, in (0, 1)
         * @throws IllegalArgumentException if nothing would be left, or the pattern does not fit the tokens
         */
        public int kept(int tokens, double ratio) {
            if (pattern == Pattern.RANDOM) {
                return rounding.kept(tokens, ratio);
            }
            int side = (int) Math.sqrt(tokens);
            check(
                    side * side == tokens && side % Pattern.WINDOW == 0,
                    "pattern " + pattern + " cuts the grid of tokens into windows of side " + Pattern.WINDOW
                            + ", which must divide the grid's side, but there are " + tokens
                            + " tokens: choose subset.pattern RANDOM, or model.inputSize and model.patchSize for an even"
                            + " grid");
            return tokens / (Pattern.WINDOW * Pattern.WINDOW);
        }
    }

    /**
     * Where {@link SubsetPlacement#SPARSE} is dense, and how often it does without the sparse part.
     *
     * @param dense first blocks, and as many last ones, that see all tokens; SPRINT's is 2. With MASKED_PASS the decoder's
     *     blocks, the last ones; MDTv2's are 4, for S 6
     * @param pathDrop probability in [0, 1) that a training sample goes past the blocks between them, so that path-drop
     *     guidance has what it needs; SPRINT's is 0.1
     */
    public record Sparse(
            @Default("2") int dense, @Default("0.1") double pathDrop) {
        public Sparse {
            check(dense >= 1, "dense must be at least 1 but was " + dense);
            check(pathDrop >= 0 && pathDrop < 1, "pathDrop must be in [0, 1) but was " + pathDrop);
        }

        /**
         * Checks that a model of {@code depth} blocks has some between.
         *
         * @throws IllegalArgumentException if it has not
         */
        public void requireIn(int depth) {
            check(
                    2L * dense < depth,
                    "subset.dense must leave a block between the first and the last " + dense + " of model.depth "
                            + depth + ", so it must be below " + (depth + 1) / 2 + " but was " + dense);
        }

        /** Whether a block, counted from 0, is one of those between in a model of {@code depth} blocks. */
        public boolean between(int block, int depth) {
            return block >= dense && block < depth - dense;
        }
    }

    /**
     * The blocks that see the kept tokens alone.
     *
     * @param routeStart first block, counted from 0
     * @param routeEnd last block, included; a negative number counts from the depth L, so -4 means L - 4
     * @param float32AfterRoute whether the block behind the last one computes in float32 where the others do in bfloat16, as
     *     in TREAD's code, which leaves autocast for it
     */
    public record Route(
            @Default("2") int routeStart,
            @Default("-4") int routeEnd,
            @Default("false") boolean float32AfterRoute) {
        public Route {
            check(routeStart >= 0, "routeStart must be at least 0 but was " + routeStart);
            check(
                    routeEnd < 0 || routeEnd >= routeStart,
                    "routeEnd must not be before routeStart " + routeStart + " but was " + routeEnd);
        }

        /**
         * Returns the blocks in a model of {@code depth} blocks, both counted from 0.
         *
         * @throws IllegalArgumentException if the route does not fit into the model
         */
        public Route in(int depth) {
            int end = routeEnd < 0 ? depth + routeEnd : routeEnd;
            check(
                    end >= routeStart && end < depth,
                    "subset.routeStart and subset.routeEnd must lie in blocks 0 to " + (depth - 1) + " but was "
                            + routeStart + " to " + end + " (routeEnd " + routeEnd + ")");
            return new Route(routeStart, end, float32AfterRoute);
        }
    }

    /**
     * A decoder behind the blocks, which sees all tokens and the learned one in place of those that were dropped (MaskDiT). With
     * one, the velocity loss covers the kept tokens alone; the others are for {@code terms.mae}.
     *
     * <pre>
     *   X = Linear(LN(X)(1 + scale) + shift)        (N, K, D) → (N, K, m), starts at zero; shift and scale from c
     *   X = scatter(mask token, keep, X) + P        (N, T, m), sine-cosine positions of width m
     *   X = layers transformer blocks on X and c, then the head
     * </pre>
     *
     * @param layers number of blocks, in [1, 64]; MaskDiT's is 8
     * @param width their width m, a multiple of 4 and of heads, in [4, 65536]; MaskDiT's is 512
     * @param heads their attention heads; MaskDiT's is 16
     */
    public record Decoder(
            @Default("8") int layers,
            @Default("512") int width,
            @Default("16") int heads) {
        private static final int MOST_LAYERS = 64;
        private static final int MOST_WIDTH = 1 << 16;

        public Decoder {
            check(
                    layers >= 1 && layers <= MOST_LAYERS,
                    "decoder.layers must be in [1, " + MOST_LAYERS + "] but was " + layers);
            check(
                    width >= 4 && width <= MOST_WIDTH && width % 4 == 0,
                    "decoder.width must be a multiple of 4 in [4, " + MOST_WIDTH + "] but was " + width);
            check(
                    heads >= 1 && width % heads == 0,
                    "decoder.heads must divide decoder.width " + width + " but was " + heads);
        }
    }

    /** Whether the samples of a batch share one subset. */
    public enum Scope {
        /** Each sample has its own subset. */
        PER_SAMPLE,
        /** One subset for all samples of a step. */
        PER_BATCH
    }

    /** How many of T tokens are kept at a ratio r, evaluated exactly as written, in IEEE double unless it says another. */
    public enum Rounding {
        /** trunc(T · (1 - r)): MAE, MaskDiT, MicroDiT. */
        MAE {
            @Override
            int count(int tokens, double ratio) {
                return (int) (tokens * (1 - ratio));
            }
        },
        /** The same in float32: MDTv2. */
        MAE_FLOAT32 {
            @Override
            int count(int tokens, double ratio) {
                return (int) (tokens * (1 - (float) ratio));
            }
        },
        /** T - trunc(T · r): TREAD. */
        TREAD {
            @Override
            int count(int tokens, double ratio) {
                return tokens - (int) (tokens * ratio);
            }
        },
        /** The integer nearest to T · (1 - r), a half upwards. */
        NEAREST {
            @Override
            int count(int tokens, double ratio) {
                return (int) Math.floor(tokens * (1 - ratio) + 0.5);
            }
        };

        abstract int count(int tokens, double ratio);

        /**
         * Returns how many tokens are kept.
         *
         * @param tokens T, at least 1
         * @param ratio share dropped, in [0, 1)
         * @throws IllegalArgumentException if nothing would be left
         */
        public int kept(int tokens, double ratio) {
            int kept = count(tokens, ratio);
            if (kept < 1) {
                throw new IllegalArgumentException("ratio must leave at least one of the " + tokens
                        + " tokens under rounding " + this + " but was " + ratio);
            }
            return kept;
        }
    }

    /** From among which tokens the kept ones are drawn. */
    public enum Pattern {
        /** Any of all tokens. */
        RANDOM,
        /** One of each window of 2 × 2 tokens, which is a ratio of 0.75 (SPRINT). */
        STRUCTURED_2X2;

        /** Side of a window. */
        static final int WINDOW = 2;

        private static final double RATIO = 0.75;
    }

    /** Order of the kept tokens; attention does not depend on it. */
    public enum Order {
        /** Ascending, the order of the patches. */
        SORTED,
        /** As drawn. */
        SHUFFLED
    }

    public SubsetConfig {
        Objects.requireNonNull(placement, "placement must be given");
        Objects.requireNonNull(dropping, "dropping must be given");
        Objects.requireNonNull(drawing, "drawing must be given");
        Objects.requireNonNull(route, "route must be given");
        Objects.requireNonNull(sparse, "sparse must be given");
        check(
                decoder.isEmpty() || placement == SubsetPlacement.DROP_REINSERT,
                "decoder goes with placement DROP_REINSERT, which puts dropped tokens back, but the placement was "
                        + placement + ": choose that, or decoder null");
        if (drawing.pattern() == Pattern.STRUCTURED_2X2 && placement.usesSubset()) {
            check(
                    dropping.ratio() == Pattern.RATIO && dropping.schedule() == SubsetSchedule.CONSTANT,
                    "ratio must be " + Pattern.RATIO + " and schedule CONSTANT with pattern " + drawing.pattern()
                            + ", which keeps one of each four tokens, but they were " + dropping.ratio() + " and "
                            + dropping.schedule() + ": choose these, or pattern RANDOM");
        }
    }

    /** The paper's subset: drop 25 % of the patch tokens of each sample after the mixer. */
    public static SubsetConfig defaults() {
        return PAPER;
    }

    /** No subset: REPA and REG. */
    public static SubsetConfig none() {
        return PAPER.withPlacement(SubsetPlacement.NONE).withRatio(0);
    }

    /**
     * Checks that every ratio that the schedule may reach leaves a token.
     *
     * @param tokens T, at least 1
     * @throws IllegalArgumentException if one does not
     */
    public void requireTokensLeft(int tokens) {
        if (placement.usesSubset()) {
            try {
                drawing.kept(tokens, dropping.largest());
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("subset." + e.getMessage(), e);
            }
        }
    }

    /** Returns this with another placement. */
    public SubsetConfig withPlacement(SubsetPlacement value) {
        return new SubsetConfig(value, dropping, drawing, route, sparse, decoder);
    }

    /** Returns this with another ratio. */
    public SubsetConfig withRatio(double value) {
        Dropping d = dropping;
        return with(new Dropping(
                value,
                d.schedule,
                d.scheduleMinRatio,
                d.schedulePower,
                d.scheduleWidth,
                d.unmaskedTailSteps,
                d.unmaskedTailShare));
    }

    /** Returns this with another schedule and its three numbers. */
    public SubsetConfig withSchedule(SubsetSchedule value, double minRatio, int power, double width) {
        Dropping d = dropping;
        return with(new Dropping(d.ratio, value, minRatio, power, width, d.unmaskedTailSteps, d.unmaskedTailShare));
    }

    /** Returns this with another number of unmasked steps at the end, and no share of the run. */
    public SubsetConfig withUnmaskedTailSteps(int value) {
        return withTail(value, 0);
    }

    /** Returns this with a share of the run at its end in which nothing is dropped. */
    public SubsetConfig withUnmaskedTailShare(double value) {
        return withTail(0, value);
    }

    private SubsetConfig withTail(int steps, double share) {
        Dropping d = dropping;
        return with(
                new Dropping(d.ratio, d.schedule, d.scheduleMinRatio, d.schedulePower, d.scheduleWidth, steps, share));
    }

    /** Returns this with other rules of drawing. */
    public SubsetConfig withDrawing(Scope newScope, Rounding newRounding, Order newOrder) {
        return with(new Drawing(newScope, newRounding, newOrder, drawing.pattern()));
    }

    /** Returns this with another pattern of the kept tokens, at the ratio that goes with it. */
    public SubsetConfig withPattern(Pattern value) {
        SubsetConfig fitting = value == Pattern.RANDOM
                ? this
                : withSchedule(SubsetSchedule.CONSTANT, 0, dropping.schedulePower, dropping.scheduleWidth)
                        .withRatio(Pattern.RATIO);
        Drawing d = drawing;
        return fitting.with(new Drawing(d.scope, d.rounding, d.order, value));
    }

    /** Returns this with another route; see {@link Route} for negative numbers. */
    public SubsetConfig withRoute(int start, int end) {
        return withRoute(start, end, route.float32AfterRoute);
    }

    /** Returns this with another route, and with or without float32 behind it. */
    public SubsetConfig withRoute(int start, int end, boolean float32AfterRoute) {
        return new SubsetConfig(
                placement, dropping, drawing, new Route(start, end, float32AfterRoute), sparse, decoder);
    }

    /** Returns this with other parts of SPARSE. */
    public SubsetConfig withSparse(int dense, double pathDrop) {
        return new SubsetConfig(placement, dropping, drawing, route, new Sparse(dense, pathDrop), decoder);
    }

    /** Returns this as DROP_REINSERT with a decoder. */
    public SubsetConfig withDecoder(int layers, int width, int heads) {
        Decoder value = new Decoder(layers, width, heads);
        return new SubsetConfig(SubsetPlacement.DROP_REINSERT, dropping, drawing, route, sparse, Optional.of(value));
    }

    private SubsetConfig with(Drawing value) {
        return new SubsetConfig(placement, dropping, value, route, sparse, decoder);
    }

    private SubsetConfig with(Dropping value) {
        return new SubsetConfig(placement, value, drawing, route, sparse, decoder);
    }

    private static void check(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }

    /**
     * Where a token subset acts.
     *
     * <p>With T patch tokens of which K are kept, patches {@code X} (N, T, D) that already carry their
     * positions, the class token {@code g} (N, 1, D) if the model has one, and condition {@code c} (N, D). The
     * class token is never part of a subset: it is never dropped and always aligned. Evaluation never uses a
     * subset.
     */
    public enum SubsetPlacement {
        /** No subset: every block, the velocity loss and the alignment loss see all T tokens. REPA and REG. */
        NONE,

        /**
         * The tokens are dropped after the mixer. MaskAlign.
         *
         * <pre>
         *   H = mixer([g; X], c)                        (N, 1+T, D)
         *   H = [H[0]; gather(H[1:], keep)]             (N, 1+K, D)
         *   blocks 1..L on H; tap after align.depth
         *   velocity of the K kept tokens against gather(tokens(v*), keep), and of the class token
         *   alignment mean over the class token and the K kept tokens
         * </pre>
         *
         * <p>Positions were added before, so nothing is re-indexed. Dropped tokens get gradient only through
         * attention inside the mixer; without a mixer exactly none.
         */
        DROP,

        /**
         * All tokens run through all blocks and have a velocity loss; only the alignment loss is taken over the
         * class token and the kept ones. An unbiased, noisier estimate of the full alignment gradient, and the
         * ablation that separates fewer supervised tokens from fewer visible ones. Saves no time.
         */
        LOSS_ONLY,

        /**
         * The dropped tokens bypass blocks i..j (counted from 0, both included). TREAD.
         *
         * <pre>
         *   before block i:  A = X; X = gather(A, keep)     (N, K, D)
         *   after block j:   X = scatter(A, keep, X)        (N, T, D), rows outside keep are those of A
         * </pre>
         *
         * <p>The velocity loss covers all tokens. The alignment loss covers the kept ones if the alignment depth
         * lies in [i+1, j+1], otherwise all. Bypassed tokens get gradient through the identity path.
         */
        ROUTE,

        /**
         * As {@link #DROP}, but before the head the sequence is put back together: kept tokens at their places
         * ({@link TokenSubset#restore}), a learned token at the others, so that a loss can cover all T tokens.
         * MaskDiT and its relatives. With a {@link Decoder} that happens before the decoder, at its width.
         */
        DROP_REINSERT,

        /**
         * The blocks in the middle see the kept tokens alone, and what the first ones made of all tokens goes round them.
         * SPRINT. With L blocks of which the first and the last {@code dense} see all tokens:
         *
         * <pre>
         *   F = blocks 1..dense on X                                    (N, T, D)
         *   G = blocks dense+1..L-dense on gather(F, keep)              (N, K, D)
         *   G = scatter(mask token, keep, G)                            (N, T, D), the learned token at all other places
         *   G = mask token at all places of samples whose path is dropped
         *   X = Linear([G; F])                                          (N, T, D), 2D → D
         *   blocks L-dense+1..L on X; velocity loss over all tokens
         * </pre>
         *
         * <p>Without a subset, as when it samples, all tokens go through the middle. A class token is always kept, but its
         * path is dropped with the others'. The alignment loss covers the kept tokens if the alignment depth lies in
         * [dense+1, L-dense], otherwise all. The official code counts that depth one block off, and never trains its mask
         * token, which here is learned.
         */
        SPARSE,

        /**
         * Each step has a second pass, in which an encoder sees the kept tokens alone, a learned token stands in for the others
         * until a block of its own has guessed them, and a decoder of the last {@code dense} blocks sees all; the losses of both
         * passes are added, each over all tokens. MDTv2. The blocks have long skips and biases by relative position, and both
         * position tables are learned. Noise and dropped labels are drawn anew for the second pass.
         */
        MASKED_PASS;

        /** Whether a subset is drawn at all. */
        public boolean usesSubset() {
            return this != NONE;
        }
    }

    /**
     * How the ratio changes over a run, with r0 the configured ratio, m the smallest one and u in [0, 1]
     * the fraction of the run that is done.
     */
    public enum SubsetSchedule {
        /** r = r0. */
        CONSTANT {
            @Override
            double ratio(SubsetConfig.Dropping dropping, double u, DoubleSupplier uniform) {
                return dropping.ratio();
            }
        },

        /** r = (r0 - m) cos(πu/2)^k + m, falling. MaskDiT's cosine2 to cosine6. */
        COSINE {
            @Override
            double ratio(SubsetConfig.Dropping dropping, double u, DoubleSupplier uniform) {
                return between(dropping, StrictMath.pow(StrictMath.cos(Math.PI * u / 2), dropping.schedulePower()));
            }
        },

        /** r = (r0 - m) exp(-7u) + m, falling. MaskDiT's exp. */
        EXPONENTIAL {
            @Override
            double ratio(SubsetConfig.Dropping dropping, double u, DoubleSupplier uniform) {
                return between(dropping, StrictMath.exp(-7 * u));
            }
        },

        /** r = (r0 - m) u + m: <em>rising</em> from m to r0. MaskDiT's linear. */
        LINEAR {
            @Override
            double ratio(SubsetConfig.Dropping dropping, double u, DoubleSupplier uniform) {
                return between(dropping, u);
            }
        },

        /** r ~ U[r0, r0 + width), one draw for the whole batch of a step. MDTv2. */
        UNIFORM_RANGE {
            @Override
            double ratio(SubsetConfig.Dropping dropping, double u, DoubleSupplier uniform) {
                return dropping.ratio() + dropping.scheduleWidth() * uniform.getAsDouble();
            }
        };

        /**
         * The ratio at one point of a run.
         *
         * @param uniform gives the step's number of U[0, 1) and is asked only where it is needed
         */
        abstract double ratio(SubsetConfig.Dropping dropping, double u, DoubleSupplier uniform);

        private static double between(SubsetConfig.Dropping dropping, double share) {
            return (dropping.ratio() - dropping.scheduleMinRatio()) * share + dropping.scheduleMinRatio();
        }
    }
}
