package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.diffusion.Interpolant;
import java.util.Arrays;

/**
 * x ← x + (v - ½ w s) dt + √w n √|dt| with the score s of the velocity; the last step adds no noise.
 *
 * <p>The drift is affine in v, so it is taken once, of the guided velocity. The noise is drawn before the
 * field is called.
 */
record EulerMaruyamaStep(
        GuidedField field,
        double[] grid,
        Interpolant path,
        DiffusionScale diffusion,
        NoiseSource noise,
        SampleRequest request)
        implements StepRule {
    @Override
    public NDList advance(NDManager step, NDList state, int i) {
        double t = grid[i];
        double dt = grid[i + 1] - t;
        double w = diffusion.at(t, path);
        boolean last = i == grid.length - 2;
        NDList n = last ? new NDList() : noise.path(step, request, i);
        NDList v = field.velocity(step, state, t, t);
        NDList next = StepRule.move(state, drift(step, v, state, t, w), dt);
        if (last) {
            return next;
        }
        NDList noisy = new NDList(next.size());
        for (int k = 0; k < next.size(); k++) {
            noisy.add(next.get(k).add(n.get(k).mul(Math.sqrt(Math.abs(dt))).mul(Math.sqrt(w))));
        }
        return noisy;
    }

    private NDList drift(NDManager step, NDList velocity, NDList state, double t, double w) {
        double[] times = new double[request.size()];
        Arrays.fill(times, t);
        NDArray time = step.create(times); // (N)
        NDList drift = new NDList(velocity.size());
        for (int k = 0; k < velocity.size(); k++) {
            NDArray v = velocity.get(k);
            drift.add(v.sub(path.score(v, state.get(k), time).mul(0.5 * w)));
        }
        return drift;
    }
}
