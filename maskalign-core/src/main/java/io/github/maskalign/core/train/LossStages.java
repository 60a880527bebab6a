package io.github.maskalign.core.train;

import io.github.maskalign.core.config.ConfigKey.Default;
import java.util.List;

/**
 * A factor of a loss term that changes at some steps and is the same between them: 1 before the first of them, f_i from step
 * s_i on. It follows from the step alone, so a run that was stopped goes on with it. Source: REGLUE's {@code train.py}, whose
 * XL has 0.5 from step 250,000 and 0.25 from 500,000.
 *
 * @param factorSteps steps s_i, each above 0 and the one before; empty for factor 1 for ever
 * @param factors factors f_i, each at least 0, one for each step
 */
public record LossStages(
        @Default("[]") List<Long> factorSteps,
        @Default("[]") List<Double> factors) {
    /** Factor 1 for ever. */
    public static final LossStages NONE = new LossStages(List.of(), List.of());

    /** @throws IllegalArgumentException if steps do not rise, or a factor is missing or no number of at least 0 */
    public LossStages {
        factorSteps = List.copyOf(factorSteps);
        factors = List.copyOf(factors);
        if (factorSteps.size() != factors.size()) {
            throw new IllegalArgumentException(
                    "factors must hold one number for each of factorSteps " + factorSteps + " but were " + factors);
        }
        long before = 0;
        for (long step : factorSteps) {
            if (step <= before) {
                throw new IllegalArgumentException("factorSteps must be above 0 and rise but were " + factorSteps);
            }
            before = step;
        }
        for (double factor : factors) {
            if (!(factor >= 0 && Double.isFinite(factor))) {
                throw new IllegalArgumentException("factors must be at least 0 but were " + factors);
            }
        }
    }

    /**
     * Returns the factor.
     *
     * @param step steps finished before this one
     */
    public double at(long step) {
        double factor = 1;
        for (int i = 0; i < factorSteps.size() && step >= factorSteps.get(i); i++) {
            factor = factors.get(i);
        }
        return factor;
    }
}
