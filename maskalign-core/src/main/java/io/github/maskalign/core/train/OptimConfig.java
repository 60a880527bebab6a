package io.github.maskalign.core.train;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * Settings of {@link AdamW} or Adan, of gradient clipping and of the moving averages of the weights.
 *
 * @param lr base learning rate, above 0
 * @param adam how a gradient becomes a step
 * @param clipNorm largest global gradient norm, at least 0; 0 switches clipping off
 * @param emaDecay decay of the moving average, in [0, 1]
 * @param lrCurve how the learning rate changes
 * @param extraEmaDecays decays of further moving averages, each in [0, 1] and none given twice; may be empty
 */
public record OptimConfig(
        double lr,
        @Inline Adam adam,
        @Default("1.0") double clipNorm,
        double emaDecay,
        @Inline LrCurve lrCurve,
        @Default("[]") List<Double> extraEmaDecays) {

    /** The published setting of REPA, REG and MaskAlign: constant 1e-4, no decay, clipping at 1, EMA 0.9999. */
    public static final OptimConfig PAPER = new OptimConfig(
            1e-4,
            new Adam(0.9, 0.999, 1e-8, 0, true, Kind.ADAMW, 0.99),
            1,
            0.9999,
            new LrCurve(LrSchedule.CONSTANT, 0, 0, 0),
            List.of());

    /**
     * The numbers of {@link AdamW}.
     *
     * @param beta1 decay of the first moment, in [0, 1)
     * @param beta2 decay of the second moment, in [0, 1); of ADAN that of the changes of the gradient
     * @param eps added to the denominator, above 0
     * @param weightDecay decoupled weight decay, at least 0; a step multiplies the weights by 1 - lr · weightDecay
     * @param decayVectors whether biases and other arrays of at most one dimension decay too, as in PyTorch
     * @param kind the rule
     * @param beta3 decay of the second moment of ADAN, in [0, 1)
     */
    public record Adam(
            @Default("0.9") double beta1,
            @Default("0.999") double beta2,
            @Default("1.0e-8") double eps,
            @Default("0.0") double weightDecay,
            @Default("true") boolean decayVectors,
            @Default("ADAMW") Kind kind,
            @Default("0.99") double beta3) {
        public Adam {
            Objects.requireNonNull(kind, "kind must be given");
            require(beta3 >= 0 && beta3 < 1, "beta3", "in [0, 1)", beta3);
            require(beta1 >= 0 && beta1 < 1, "beta1", "in [0, 1)", beta1);
            require(beta2 >= 0 && beta2 < 1, "beta2", "in [0, 1)", beta2);
            require(eps > 0 && Double.isFinite(eps), "eps", "above 0", eps);
            require(weightDecay >= 0 && Double.isFinite(weightDecay), "weightDecay", "in [0, 1 / lr)", weightDecay);
        }
    }

    /** Rules by which a gradient becomes a step; see {@link AdamW}. */
    public enum Kind {
        /** AdamW. */
        ADAMW,
        /** Adan, which also follows the changes of the gradient; two more numbers are kept for each trained weight. */
        ADAN
    }

    /**
     * How the learning rate changes over a run.
     *
     * @param schedule the rule
     * @param warmupSteps length of the warm-up, at least 0
     * @param decaySteps step at which {@link LrSchedule#COSINE} ends; 0 for the other schedules
     * @param finalLrFactor share of the base rate that {@link LrSchedule#COSINE} ends with, in [0, 1]
     */
    public record LrCurve(
            @Default("CONSTANT") LrSchedule schedule,
            @Default("0") long warmupSteps,
            @Default("0") long decaySteps,
            @Default("0.0") double finalLrFactor) {
        public LrCurve {
            Objects.requireNonNull(schedule, "schedule must be given");
            require(warmupSteps >= 0, "warmupSteps", "at least 0", warmupSteps);
            if (schedule == LrSchedule.COSINE) {
                require(decaySteps > warmupSteps, "decaySteps", "above warmupSteps " + warmupSteps, decaySteps);
            }
            require(decaySteps >= 0, "decaySteps", "at least 0", decaySteps);
            require(finalLrFactor >= 0 && finalLrFactor <= 1, "finalLrFactor", "in [0, 1]", finalLrFactor);
        }

        private double factor(long step) {
            return schedule.factor(step, warmupSteps, decaySteps, finalLrFactor);
        }
    }

    public OptimConfig {
        extraEmaDecays = List.copyOf(extraEmaDecays);
        require(lr > 0 && Double.isFinite(lr), "lr", "above 0", lr);
        require(lr * adam.weightDecay < 1, "weightDecay", "in [0, 1 / lr)", adam.weightDecay);
        require(clipNorm >= 0 && Double.isFinite(clipNorm), "clipNorm", "0 (off) or above 0", clipNorm);
        require(emaDecay >= 0 && emaDecay <= 1, "emaDecay", "in [0, 1]", emaDecay);
        Objects.requireNonNull(lrCurve, "lrCurve must be given");
        Set<Double> decays = new HashSet<>(Set.of(emaDecay));
        for (double decay : extraEmaDecays) {
            require(decay >= 0 && decay <= 1, "each of extraEmaDecays", "in [0, 1]", decay);
            require(decays.add(decay), "each of extraEmaDecays", "another than emaDecay and the rest", decay);
        }
    }

    /** Returns the learning rate of a step: lr times the factor of the schedule; the first step is number 0. */
    public double lrAt(long step) {
        return lr * lrCurve.factor(step);
    }

    /** Returns the same settings with another base learning rate. */
    public OptimConfig withLr(double value) {
        return new OptimConfig(value, adam, clipNorm, emaDecay, lrCurve, extraEmaDecays);
    }

    /** Returns the same settings with other decays of the moments and another number in the denominator. */
    public OptimConfig withMoments(double beta1, double beta2, double eps) {
        return with(new Adam(beta1, beta2, eps, adam.weightDecay, adam.decayVectors, adam.kind, adam.beta3));
    }

    /** Returns the same settings with Adan's rule; its published decays are 0.98, 0.92 and 0.99. */
    public OptimConfig withAdan(double beta1, double beta2, double beta3) {
        return with(new Adam(beta1, beta2, adam.eps, adam.weightDecay, adam.decayVectors, Kind.ADAN, beta3));
    }

    /** Returns the same settings with another weight decay. */
    public OptimConfig withWeightDecay(double value, boolean ofVectorsToo) {
        return with(new Adam(adam.beta1, adam.beta2, adam.eps, value, ofVectorsToo, adam.kind, adam.beta3));
    }

    /** Returns the same settings with another clipping norm. */
    public OptimConfig withClipNorm(double value) {
        return new OptimConfig(lr, adam, value, emaDecay, lrCurve, extraEmaDecays);
    }

    /** Returns the same settings with another decay of the moving average. */
    public OptimConfig withEmaDecay(double value) {
        return new OptimConfig(lr, adam, clipNorm, value, lrCurve, extraEmaDecays);
    }

    /** Returns the same settings with other further averages. */
    public OptimConfig withExtraEmaDecays(List<Double> values) {
        return new OptimConfig(lr, adam, clipNorm, emaDecay, lrCurve, values);
    }

    /** Returns the same settings with another schedule. */
    public OptimConfig withSchedule(LrSchedule value, long warmup, long decay, double finalFactor) {
        LrCurve curve = new LrCurve(value, warmup, decay, finalFactor);
        return new OptimConfig(lr, adam, clipNorm, emaDecay, curve, extraEmaDecays);
    }

    private OptimConfig with(Adam value) {
        return new OptimConfig(lr, value, clipNorm, emaDecay, lrCurve, extraEmaDecays);
    }

    private static void require(boolean holds, String name, String rule, Number value) {
        if (!holds) {
            throw new IllegalArgumentException(name + " must be " + rule + " but was " + value);
        }
    }

    /**
     * Learning rate as a pure function of the step, as a factor of the base rate.
     *
     * <p>With step {@code s} counted from 0, {@code W} warm-up steps and {@code D} decay steps (the step at
     * which the decay ends, warm-up included), the warm-up factor is {@code min(1, (s + 1) / W)}: step 0
     * already moves.
     */
    public enum LrSchedule {
        /** 1 at every step; the published setting of the SiT family. */
        CONSTANT {
            @Override
            double afterWarmup(long step, long warmupSteps, long decaySteps, double finalFactor) {
                return 1;
            }

            @Override
            boolean warmsUp() {
                return false;
            }
        },
        /** Linear warm-up, then 1. */
        LINEAR_WARMUP {
            @Override
            double afterWarmup(long step, long warmupSteps, long decaySteps, double finalFactor) {
                return 1;
            }
        },
        /** Linear warm-up, then half a cosine from 1 at step W to the final factor at step D, where it stays. */
        COSINE {
            @Override
            double afterWarmup(long step, long warmupSteps, long decaySteps, double finalFactor) {
                double progress = Math.min(1, (double) (step - warmupSteps) / (decaySteps - warmupSteps));
                // StrictMath: the same bits on every machine
                return finalFactor + (1 - finalFactor) * 0.5 * (1 + StrictMath.cos(Math.PI * progress));
            }
        };

        /**
         * Returns the factor for one step.
         *
         * @param step steps finished before this one, 0 for the first
         * @param warmupSteps length W of the warm-up; ignored by {@link #CONSTANT}
         * @param decaySteps step D at which the decay ends; used by {@link #COSINE} alone
         * @param finalFactor factor at and after step D, in [0, 1]; used by {@link #COSINE} alone
         * @return a factor in [0, 1]
         */
        public double factor(long step, long warmupSteps, long decaySteps, double finalFactor) {
            return warmsUp() && step < warmupSteps
                    ? (step + 1.0) / warmupSteps
                    : afterWarmup(step, warmupSteps, decaySteps, finalFactor);
        }

        abstract double afterWarmup(long step, long warmupSteps, long decaySteps, double finalFactor);

        boolean warmsUp() {
            return true;
        }
    }
}
