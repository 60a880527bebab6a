package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.RandomStream;
import io.github.maskalign.core.random.SplitMix64;
import java.util.List;

/**
 * Noise addressed by (run seed, picture, step): float32 at t = 1, as the references start, float64 on the way.
 */
record DrawnNoise(Draws draws) implements NoiseSource {
    private static final long POSITIONS_PER_PICTURE = 2L * SamplerConfig.MAX_STEPS;
    private static final RandomStream[] INITIAL = {RandomStream.SAMPLE_NOISE, RandomStream.SAMPLE_CLASS_NOISE};

    @Override
    public NDList initial(NDManager manager, SampleRequest request) {
        List<Shape> shapes = request.stateShapes();
        NDList noise = new NDList(shapes.size());
        for (int part = 0; part < shapes.size(); part++) {
            Shape shape = shapes.get(part);
            float[] values = draws.normal(INITIAL[part], request.first(), request.size(), width(shape));
            noise.add(manager.create(values, shape));
        }
        return noise;
    }

    @Override
    public NDList path(NDManager manager, SampleRequest request, int step) {
        List<Shape> shapes = request.stateShapes();
        NDList noise = new NDList(shapes.size());
        for (int part = 0; part < shapes.size(); part++) {
            Shape shape = shapes.get(part);
            int width = width(shape);
            double[] values = new double[Math.multiplyExact(request.size(), width)];
            for (int i = 0; i < request.size(); i++) {
                long picture = Math.addExact(request.first(), i);
                long position = Math.addExact(Math.multiplyExact(picture, POSITIONS_PER_PICTURE), 2L * step + part);
                SplitMix64 random = draws.at(RandomStream.SAMPLE_PATH, position);
                for (int k = 0; k < width; k++) {
                    values[i * width + k] = random.nextGaussian();
                }
            }
            noise.add(manager.create(values, shape));
        }
        return noise;
    }

    private static int width(Shape shape) {
        return Math.toIntExact(shape.size() / shape.get(0));
    }
}
