package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;

/** x ← x + (t' - t) v(x, t). */
record EulerStep(GuidedField field, double[] grid) implements StepRule {
    @Override
    public NDList advance(NDManager step, NDList state, int i) {
        NDList v = field.velocity(step, state, grid[i], grid[i]);
        return StepRule.move(state, v, grid[i + 1] - grid[i]);
    }
}
