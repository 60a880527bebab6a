package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.diffusion.Interpolant;
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
     * @return S + 1 falling numbers, the first 1, the last 0
     */
    public double[] times() {
        return switch (config.method()) {
            case EULER, HEUN -> TimeGrid.equal(config.steps());
            case EULER_MARUYAMA -> TimeGrid.withLastStep(config.steps(), config.lastStep());
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
     * @throws IllegalArgumentException if more channels are to be guided than the latent has
     * @throws IllegalStateException if the field or the noise returns arrays of other shapes than the state's
     */
    public NDList sample(
            NDManager manager, VelocityField field, SampleRequest request, NoiseSource noise, SampleListener listener) {
        config.guidance().requireChannels(request.latentShape().get(0));
        double[] grid = times();
        try (NDManager run = manager.newSubManager()) {
            NDList start = checked(noise.initial(run, request), request);
            DataType inputType = start.get(0).getDataType();
            GuidedField guided = new GuidedField(field, config.guidance(), run, request.labels(), inputType);
            StepRule rule = rule(guided, grid, noise, request);
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
}
