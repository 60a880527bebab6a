package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.sample.Guidance.GuidedField;
import io.github.maskalign.core.sample.SampleRequest.DrawnNoise;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.SamplerConfig.DiffusionScale;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.Arrays;

/**
 * Draws pictures: integrates a velocity field from noise at t = 1 to data at t = 0.
 *
 * <p>The state and the time grid are float64, the field is called in the data type of the initial noise
 * (float32 unless a {@link NoiseSource} says otherwise). A class token is carried along as second array of
 * the state, with the same rule. All arrays of a step are freed when the step ends. The caller switches
 * gradients off on its thread and the field to evaluation mode. Source: REPA's and REG's samplers.
 *
 * <p>Immutable and safe to share between threads; one call uses the thread it is made on.
 */
public final class Sampler {
    private static final ScriptFunction MOVE = ScriptFunction.of(Sampler.class, "sampler.py", "move");
    private static final ScriptFunction HEUN = ScriptFunction.of(Sampler.class, "sampler.py", "heun");
    private static final ScriptFunction DRIFT = ScriptFunction.of(Sampler.class, "sampler.py", "drift");
    private static final ScriptFunction DIFFUSE = ScriptFunction.of(Sampler.class, "sampler.py", "diffuse");

    private final SamplerConfig config;
    private final Interpolant path;

    /**
     * Creates a sampler.
     *
     * @param config rule, steps and guidance
     * @param path the path the field was trained on
     */
    public Sampler(SamplerConfig config, Interpolant path) {
        this.config = config;
        this.path = path;
    }

    /**
     * Returns the times the sampler stops at.
     *
     * @return S + 1 falling numbers, the first 1, the last 0; on DDPM's chain those of its steps, the last of which is at 0
     *     as well, and 0
     */
    public double[] times() {
        return switch (config.method()) {
            case EULER, HEUN -> TimeGrid.equal(config.steps());
            case EULER_MARUYAMA -> TimeGrid.withLastStep(config.steps(), config.lastStep());
            case DDPM, DDIM -> ChainStep.times(config.method().chain(config.steps()));
        };
    }

    /** Samples without a listener, see {@link #sample(NDManager, VelocityField, SampleRequest, NoiseSource, SampleListener)}. */
    public NDList sample(NDManager manager, VelocityField field, SampleRequest request, NoiseSource noise) {
        return sample(manager, field, request, noise, SampleListener.NONE);
    }

    /**
     * Samples one batch.
     *
     * @param manager owner of the result; decides the device
     * @param field the velocities
     * @param request which pictures
     * @param noise where random numbers come from
     * @param listener told after each step
     * @return the state at t = 0, float64: {@code [latent (N, C, H, W)]} or {@code [latent, class token (N, Z)]}
     * @throws IllegalArgumentException if more channels are to be guided than the latent has, or method or guidance ask for
     *     what the field does not have
     * @throws IllegalStateException if the field or the noise returns arrays of other shapes than the state's
     */
    public NDList sample(
            NDManager manager, VelocityField field, SampleRequest request, NoiseSource noise, SampleListener listener) {
        config.guidance().requireChannels(request.latentShape().get(0));
        config.guidance().requireFits(field);
        config.method().requireFor(field.noise().isPresent() ? Process.DDPM : Process.FLOW);
        if (config.method() == SamplerMethod.EULER_MARUYAMA && noise instanceof DrawnNoise drawn) {
            try (NoiseAhead ahead = new NoiseAhead(drawn, request, config.steps() - 2, manager.getDevice())) {
                return integrate(manager, field, request, ahead, listener);
            }
        }
        return integrate(manager, field, request, noise, listener);
    }

    private NDList integrate(
            NDManager manager, VelocityField field, SampleRequest request, NoiseSource noise, SampleListener listener) {
        boolean chain = field.noise().isPresent();
        double[] grid = times();
        try (NDManager run = manager.newSubManager()) {
            NDList start = checked(noise.initial(run, request), request);
            DataType inputType = start.get(0).getDataType();
            GuidedField guided = new GuidedField(
                    chain ? ChainStep.pairs(field, request) : field,
                    chain ? ChainStep.ofNoise(config.guidance()) : config.guidance(),
                    run,
                    request.labels(),
                    (call, tokens, kept) -> noise.subset(request, call, tokens, kept),
                    inputType);
            StepRule rule = rule(guided, grid, noise, request);
            guided.begin(start.get(0), path);
            NDList state = new NDList(start.size());
            for (NDArray s : start) {
                // toType to the same type would be an alias
                state.add(s.getDataType() == DataType.FLOAT64 ? s.duplicate() : s.toType(DataType.FLOAT64, true));
            }
            start.close();
            for (int i = 0; i < config.steps(); i++) {
                try (NDManager step = run.newSubManager()) {
                    state.attach(step);
                    state = rule.advance(step, state, i);
                    state.attach(run);
                }
                listener.onStep(i + 1, config.steps(), grid[i + 1]);
            }
            state.attach(manager);
            return state;
        }
    }

    private StepRule rule(GuidedField field, double[] grid, NoiseSource noise, SampleRequest request) {
        return switch (config.method()) {
            case EULER -> new EulerStep(field, grid);
            case HEUN -> new HeunStep(field, grid);
            case EULER_MARUYAMA -> new EulerMaruyamaStep(field, grid, path, config.diffusion(), noise, request);
            case DDPM, DDIM -> new ChainStep(field, config, config.method().chain(config.steps()), noise, request);
        };
    }

    private static NDList checked(NDList start, SampleRequest request) {
        Shape[] expected = request.stateShapes().toArray(new Shape[0]);
        if (!Arrays.equals(start.getShapes(), expected)) {
            throw new IllegalStateException("the initial noise must have the shapes " + Arrays.toString(expected)
                    + " but had " + Arrays.toString(start.getShapes()));
        }
        for (NDArray s : start) {
            DataType type = s.getDataType();
            if (type != start.get(0).getDataType() || (type != DataType.FLOAT32 && type != DataType.FLOAT64)) {
                throw new IllegalStateException(
                        "the initial noise must be float32 or float64, one for all arrays, but one was " + type);
            }
        }
        return start;
    }

    /** Told of the progress of a sampler; what it throws ends the sampling. */
    @FunctionalInterface
    public interface SampleListener {
        /** Does nothing. */
        SampleListener NONE = (done, total, t) -> {};

        /**
         * Called after each step.
         *
         * @param done number of steps done, from 1
         * @param total number of steps S
         * @param t the time reached, in [0, 1)
         */
        void onStep(int done, int total, double t);
    }

    /** One step of a sampler. */
    interface StepRule {
        /**
         * Goes from point {@code i} of the time grid to the next.
         *
         * @param step owner of the state and of all that is made here
         * @param state float64 arrays at the time of point i
         * @return the state at the time of point i + 1, owned by {@code step}
         */
        NDList advance(NDManager step, NDList state, int i);

        /** Returns state + dt · slope for each array. */
        static NDList move(NDList state, NDList slope, double dt) {
            NDList moved = new NDList(state.size());
            for (int k = 0; k < state.size(); k++) {
                moved.add(MOVE.callForOne(state.get(k), slope.get(k), dt));
            }
            return moved;
        }
    }

    /** x ← x + (t' - t) v(x, t). */
    record EulerStep(GuidedField field, double[] grid) implements StepRule {
        @Override
        public NDList advance(NDManager step, NDList state, int i) {
            NDList v = field.velocity(step, state, grid[i], grid[i], 2 * i);
            return StepRule.move(state, v, grid[i + 1] - grid[i]);
        }
    }

    /**
     * x ← x + (t' - t)(½ v(x, t) + ½ v(x̃, t')) with the Euler prediction x̃; the last step is an Euler step. The
     * time t decides for both calls whether they are guided.
     */
    record HeunStep(GuidedField field, double[] grid) implements StepRule {
        @Override
        public NDList advance(NDManager step, NDList state, int i) {
            double t = grid[i];
            double next = grid[i + 1];
            NDList v = field.velocity(step, state, t, t, 2 * i);
            NDList predicted = StepRule.move(state, v, next - t);
            if (i == grid.length - 2) {
                return predicted;
            }
            NDList ahead = field.velocity(step, predicted, next, t, 2 * i + 1);
            NDList mean = new NDList(v.size());
            for (int k = 0; k < v.size(); k++) {
                mean.add(HEUN.callForOne(v.get(k), ahead.get(k)));
            }
            return StepRule.move(state, mean, next - t);
        }
    }

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
            NDList v = field.velocity(step, state, t, t, 2 * i);
            NDList next = StepRule.move(state, drift(v, state, t, w), dt);
            if (last) {
                return next;
            }
            NDList noisy = new NDList(next.size());
            for (int k = 0; k < next.size(); k++) {
                noisy.add(DIFFUSE.callForOne(next.get(k), n.get(k), Math.sqrt(Math.abs(dt)), Math.sqrt(w)));
            }
            return noisy;
        }

        private NDList drift(NDList velocity, NDList state, double t, double w) {
            NDArray time = GuidedField.times(state.get(0), request.size(), t, DataType.FLOAT64);
            NDList drift = new NDList(velocity.size());
            for (int k = 0; k < velocity.size(); k++) {
                NDArray v = velocity.get(k);
                drift.add(DRIFT.callForOne(v, path.score(v, state.get(k), time), 0.5 * w));
            }
            return drift;
        }
    }

    /** The times a sampler stops at, from 1 to 0 in float64. */
    static final class TimeGrid {
        private TimeGrid() {}

        /** Returns S + 1 equal points from 1 to 0. */
        static double[] equal(int steps) {
            return linspace(1, 0, steps + 1);
        }

        /** Returns S equal points from 1 to {@code last}, followed by 0. */
        static double[] withLastStep(int steps, double last) {
            double[] grid = new double[steps + 1];
            System.arraycopy(linspace(1, last, steps), 0, grid, 0, steps);
            return grid;
        }

        /** PyTorch's linspace to the bit: each half is counted from its own end, with one rounding a point. */
        private static double[] linspace(double start, double end, int points) {
            double[] out = new double[points];
            out[0] = start;
            double step = (end - start) / (points - 1);
            for (int i = 1; i < points; i++) {
                out[i] = i < points / 2 ? Math.fma(step, i, start) : Math.fma(-step, points - 1 - i, end);
            }
            return out;
        }
    }
}
