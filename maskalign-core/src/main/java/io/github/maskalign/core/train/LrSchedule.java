package io.github.maskalign.core.train;

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
