package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;

/** Noise as a function; float64 from the start, so that whole samplers can be compared in float64. */
record GivenNoise(Value value) implements NoiseSource {
    /** One number: of the latent (part 0) or class token (1), at a step, or -1 for the initial state. */
    interface Value {
        double at(int part, int step, long picture, int element);
    }

    @Override
    public NDList initial(NDManager manager, SampleRequest request) {
        return path(manager, request, -1);
    }

    @Override
    public NDList path(NDManager manager, SampleRequest request, int step) {
        NDList noise = new NDList();
        for (Shape shape : request.stateShapes()) {
            double[] values = new double[(int) shape.size()];
            int width = values.length / request.size();
            for (int i = 0; i < values.length; i++) {
                values[i] = value.at(noise.size(), step, request.first() + i / width, i % width);
            }
            noise.add(manager.create(values, shape));
        }
        return noise;
    }
}
