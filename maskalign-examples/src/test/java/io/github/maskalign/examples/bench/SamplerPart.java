package io.github.maskalign.examples.bench;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.Sampler.SampleListener;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.DiffusionScale;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTVariant;
import io.github.maskalign.sit.SiTVelocityField;
import io.github.maskalign.sit.run.internal.LatentSampling;
import java.util.List;

/** The sampler, and how much of its time is not the network's. */
public final class SamplerPart {
    /** Enough that what is done once for a batch weighs little, as it does in 250 steps. */
    private static final int STEPS = 10;

    private static final int CLASS_TOKEN = 768;

    private SamplerPart() {}

    /**
     * Ten steps of REG's sampler (Euler-Maruyama, guidance 2.3 at all times but the first 0.15) with SiT-B/2 and a class
     * token, weights at their start.
     *
     * @param batch pictures of a batch; guided calls see twice as many
     */
    public static PartBenchmark of(int batch, Precision precision) {
        NDManager manager = NDManager.newBaseManager(Device.cpu());
        SiTConfig config = SiTVariant.B_2.config().withClassToken(CLASS_TOKEN);
        SiT model = new SiT(config, precision);
        model.initialize(manager);
        Stopwatch network = new Stopwatch(new SiTVelocityField(model, new ParameterStore(manager, false)));
        SamplerConfig how = new SamplerConfig(
                SamplerMethod.EULER_MARUYAMA, STEPS, new Guidance(2.3, 2.3, 0, 0.85), 0.04, DiffusionScale.TWO_T, 0);
        LatentSampling sampling = new LatentSampling(config, Interpolant.LINEAR, how, batch);
        long[] labels = LatentSampling.randomLabels(0, 0, batch, config.model().numClasses());
        return new PartBenchmark(
                "sampler of SiT-B/2",
                manager,
                () -> {
                    network.nanos = 0;
                    sampling.draw(manager, network, labels, 0, SampleListener.NONE);
                },
                List.of(),
                () -> network.nanos * 1e-9);
    }

    /** Adds up the time inside a network. */
    private static final class Stopwatch implements VelocityField {
        private final VelocityField field;
        private long nanos;

        Stopwatch(VelocityField field) {
            this.field = field;
        }

        @Override
        public NDList velocity(NDList state, NDArray t, NDArray labels) {
            long start = System.nanoTime();
            NDList velocity = field.velocity(state, t, labels);
            nanos += System.nanoTime() - start;
            return velocity;
        }

        @Override
        public long nullLabel() {
            return field.nullLabel();
        }
    }
}
