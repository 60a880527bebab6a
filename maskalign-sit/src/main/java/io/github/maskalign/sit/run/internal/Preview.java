package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.sample.Sampler.SampleListener;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTVelocityField;
import io.github.maskalign.sit.run.RunConfig;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A copy of a run's model with given weights, to draw with while training goes on with others.
 *
 * <p>The same seed, labels and weights give the same latents, however many are drawn at a time.
 */
final class Preview implements AutoCloseable {
    private final NDManager manager;
    private final SiTConfig config;
    private final VelocityField field;
    private final LatentSampling sampling;

    /**
     * Copies the weights.
     *
     * @param parent manager that decides the device
     * @param run the experiment
     * @param weights all weights by key
     * @param how how to draw
     * @param batch latents drawn at a time
     */
    Preview(NDManager parent, RunConfig run, Map<String, NDArray> weights, SamplerConfig how, int batch) {
        manager = parent.newSubManager();
        config = RunPlan.model(run);
        try (GradMode off = GradMode.off()) {
            SiT model = new SiT(config, run.runtime().precision().ofBlocks());
            model.initialize(manager);
            Map<String, NDArray> own = new LinkedHashMap<>(weights);
            own.keySet().removeIf(EndToEndRun::isBesideTheModel);
            Weights.copyInto(model, own);
            field = new SiTVelocityField(model, new ParameterStore(manager, false));
            sampling = new LatentSampling(config, run.diffusion().path(), how, batch);
        } catch (RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    /**
     * Draws one latent for each label.
     *
     * @param labels classes
     * @param first which of all latents is the first; its noise follows from that
     * @param seed seed of the noise
     * @param listener told after each step of each batch
     * @return latents (N, C, H, W), row-major
     */
    float[] draw(long[] labels, long first, long seed, SampleListener listener) {
        return sampling.draw(manager, field, labels, first, seed, listener);
    }

    /** Returns labels that go through all classes in turn. */
    static long[] everyClass(int count, int classes) {
        long[] labels = new long[count];
        for (int i = 0; i < count; i++) {
            labels[i] = i % classes;
        }
        return labels;
    }

    @Override
    public void close() {
        manager.close();
    }
}
