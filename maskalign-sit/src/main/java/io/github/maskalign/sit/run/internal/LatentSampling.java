package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.sample.SampleRequest;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.Sampler.SampleListener;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.sit.SiTConfig;
import java.util.Arrays;

/**
 * Draws latents from a velocity field, some at a time. The same seed, labels and weights give the same latents, however
 * many are drawn at a time.
 *
 * @param model the model's sizes
 * @param path the path it was trained on
 * @param sampling how to draw
 * @param batch latents drawn at a time
 */
public record LatentSampling(SiTConfig model, Interpolant path, SamplerConfig sampling, int batch) {

    /**
     * Draws one latent for each label.
     *
     * @param manager manager that decides the device; nothing is left in it
     * @param field the velocities
     * @param labels classes
     * @param seed seed of the noise
     * @param listener told after each step of each batch
     * @return latents (N, C, H, W), row-major, without the features that a model generates beside them
     */
    public float[] draw(NDManager manager, VelocityField field, long[] labels, long seed, SampleListener listener) {
        return draw(manager, field, labels, 0, seed, listener);
    }

    /**
     * Draws a part of many latents, one for each label.
     *
     * @param start which of all latents is the first; its noise follows from that
     */
    public float[] draw(
            NDManager manager, VelocityField field, long[] labels, long start, long seed, SampleListener listener) {
        int side = model.model().inputSize();
        int values = model.latentChannels() * side * side;
        float[] latents = new float[Math.multiplyExact(labels.length, values)];
        try (GradMode inference = GradMode.off()) {
            Sampler sampler = new Sampler(sampling, path);
            NoiseSource noise = NoiseSource.of(new Draws(seed));
            Shape shape = new Shape(model.model().inChannels(), side, side);
            for (int first = 0; first < labels.length; first += batch) {
                long[] some = Arrays.copyOfRange(labels, first, Math.min(labels.length, first + batch));
                SampleRequest request = new SampleRequest(start + first, some, shape, model.classTokenWidth());
                try (NDManager scratch = manager.newSubManager();
                        NDList state = sampler.sample(scratch, field, request, noise, listener)) {
                    float[] x = state.get(0).toType(DataType.FLOAT32, true).toFloatArray();
                    int all = x.length / some.length; // features come behind the latent
                    for (int i = 0; i < some.length; i++) {
                        System.arraycopy(x, i * all, latents, (first + i) * values, values);
                    }
                }
            }
        }
        return latents;
    }

    /**
     * Returns labels of pictures from number {@code first} on, each drawn from all classes.
     *
     * @param classes number of classes
     */
    public static long[] randomLabels(long seed, long first, int count, int classes) {
        Draws draws = new Draws(seed);
        long[] labels = new long[count];
        for (int i = 0; i < count; i++) {
            labels[i] = draws.at(RandomStream.SAMPLE_LABEL, first + i).nextInt(classes);
        }
        return labels;
    }
}
