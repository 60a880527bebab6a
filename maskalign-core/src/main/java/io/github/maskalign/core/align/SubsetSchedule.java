package io.github.maskalign.core.align;

import java.util.function.DoubleSupplier;

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
