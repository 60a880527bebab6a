package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;

/**
 * x ← x + (t' - t)(½ v(x, t) + ½ v(x̃, t')) with the Euler prediction x̃; the last step is an Euler step. The
 * time t decides for both calls whether they are guided.
 */
record HeunStep(GuidedField field, double[] grid) implements StepRule {
    @Override
    public NDList advance(NDManager step, NDList state, int i) {
        double t = grid[i];
        double next = grid[i + 1];
        NDList v = field.velocity(step, state, t, t);
        NDList predicted = StepRule.move(state, v, next - t);
        if (i == grid.length - 2) {
            return predicted;
        }
        NDList ahead = field.velocity(step, predicted, next, t);
        NDList mean = new NDList(v.size());
        for (int k = 0; k < v.size(); k++) {
            NDArray half = v.get(k).mul(0.5);
            mean.add(half.add(ahead.get(k).mul(0.5)));
        }
        return StepRule.move(state, mean, next - t);
    }
}
