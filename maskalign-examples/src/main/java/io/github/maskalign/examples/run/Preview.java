package io.github.maskalign.examples.run;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.sample.SampleListener;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.examples.report.Pictures;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTVelocityField;
import java.util.Map;

/**
 * Draws pictures with given weights. Only for models whose latents are RGB pixels: others need a decoder.
 *
 * <p>The same seed, labels and weights give the same pictures, however many are drawn at a time.
 */
public final class Preview {
    private final SiTConfig config;
    private final Precision precision;
    private final Interpolant path;
    private final SamplerConfig sampling;
    private final int batch;

    /**
     * Prepares drawing.
     *
     * @param run the experiment
     * @param sampling how to draw
     * @param batch pictures drawn at a time
     */
    public Preview(RunConfig run, SamplerConfig sampling, int batch) {
        config = RunPlan.model(run);
        precision = run.runtime().precision();
        path = run.diffusion().path();
        this.sampling = sampling;
        this.batch = batch;
    }

    /** Whether the model's latents are pictures themselves. */
    public boolean possible() {
        return config.inChannels() == 3;
    }

    /**
     * Draws one picture for each label.
     *
     * @param parent manager that decides the device
     * @param weights all weights by key
     * @param labels classes
     * @param seed seed of the noise
     * @param listener told after each step of each batch
     */
    public Pictures draw(
            NDManager parent, Map<String, NDArray> weights, long[] labels, long seed, SampleListener listener) {
        int side = config.inputSize();
        try (NDManager manager = parent.newSubManager();
                GradMode inference = GradMode.off()) {
            SiT model = new SiT(config, precision);
            model.initialize(manager);
            Weights.copyInto(model, weights);
            SiTVelocityField field = new SiTVelocityField(model, new ParameterStore(manager, false));
            float[] x = new LatentSampling(config, path, sampling, batch).draw(manager, field, labels, seed, listener);
            return pictures(x, labels.length, side);
        }
    }

    /** Turns latents that are pictures themselves, (N, 3, side, side), into 8-bit pictures by REPA's rule. */
    public static Pictures pictures(float[] x, int count, int side) {
        byte[] pixels = new byte[x.length];
        for (int k = 0; k < x.length; k++) {
            pixels[k] = PixelScaling.REPA.toByte(x[k]);
        }
        return new Pictures(count, 3, side, side, pixels);
    }

    /** Returns labels that go through all classes in turn. */
    public long[] everyClass(int count) {
        long[] labels = new long[count];
        for (int i = 0; i < count; i++) {
            labels[i] = i % config.numClasses();
        }
        return labels;
    }
}
