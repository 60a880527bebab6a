package io.github.maskalign.core.sample;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.sample.SampleRequest.DrawnNoise;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.SamplerConfig.DiffusionScale;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class NoiseAheadTest {
    private static final DrawnNoise NOISE = new DrawnNoise(new Draws(31));
    private static final SampleRequest REQUEST = new SampleRequest(5, new long[] {0, 2, 1}, new Shape(4, 2, 2), 7);
    private static final SamplerConfig HOW = new SamplerConfig(
            SamplerMethod.EULER_MARUYAMA, 6, new Guidance(2.3, 1.5, 0, 0.85, 3), 0.04, DiffusionScale.TWO_T, 0);

    private final NDManager manager = NDManager.newBaseManager(Device.cpu());

    @AfterEach
    void close() {
        manager.close();
    }

    /** The same numbers, by a source that the sampler does not know and so asks on its own thread. */
    private static final class Plain implements NoiseSource {
        @Override
        public NDList initial(NDManager manager, SampleRequest request) {
            return NOISE.initial(manager, request);
        }

        @Override
        public NDList path(NDManager manager, SampleRequest request, int step) {
            return NOISE.path(manager, request, step);
        }
    }

    @Test
    void samplesAreTheSameWithNoiseDrawnAhead() {
        Sampler sampler = new Sampler(HOW, Interpolant.LINEAR);
        VelocityField field = new WavyVelocityField(3, 3);

        NDList ahead = sampler.sample(manager, field, REQUEST, NOISE);
        NDList plain = sampler.sample(manager, field, REQUEST, new Plain());

        assertThat(ahead.getShapes()).isEqualTo(plain.getShapes());
        for (int part = 0; part < 2; part++) {
            assertThat(ahead.get(part).toDoubleArray())
                    .isEqualTo(plain.get(part).toDoubleArray());
        }
    }

    @Test
    void stepsMayBeSkippedOrRepeated() {
        try (NoiseAhead ahead = new NoiseAhead(NOISE, REQUEST, 9, Device.cpu())) {
            for (int step : new int[] {0, 1, 5, 5, 2, 9}) {
                NDList found = ahead.path(manager, REQUEST, step);
                NDList wanted = NOISE.path(manager, REQUEST, step);
                for (int part = 0; part < 2; part++) {
                    assertThat(found.get(part).toDoubleArray())
                            .isEqualTo(wanted.get(part).toDoubleArray());
                }
            }
        }
    }

    @Test
    void aFieldThatFailsLeavesNoThreadAndNoArray() {
        Sampler sampler = new Sampler(HOW, Interpolant.LINEAR);
        NDManager system = manager.getParentManager();
        VelocityField failing = new VelocityField() {
            @Override
            public NDList velocity(NDList state, NDArray t, NDArray labels) {
                throw new IllegalStateException("the network is gone");
            }

            @Override
            public long nullLabel() {
                return REQUEST.size();
            }
        };
        int before = system.getManagedArrays().size();

        assertThatThrownBy(() -> sampler.sample(manager, failing, REQUEST, NOISE))
                .hasMessage("the network is gone");

        assertThat(system.getManagedArrays()).hasSize(before);
        List<String> left = Thread.getAllStackTraces().keySet().stream()
                .filter(Thread::isAlive)
                .map(Thread::getName)
                .filter("maskalign-path-noise"::equals)
                .toList();
        assertThat(left).isEmpty();
    }

    @Test
    void guidanceIsTheArithmeticOfArrays() {
        NDArray doubled = manager.randomNormal(0, 1, new Shape(6, 4, 2, 2), DataType.FLOAT64);
        NDList halves = doubled.split(2);
        NDArray all = halves.get(1).add(halves.get(0).sub(halves.get(1)).mul(2.3));
        NDArray three = all.get(":, :3").concat(halves.get(0).get(":, 3:"), 1);

        assertThat(mix(2.3, 1.5, 0, doubled)).isEqualTo(all.toDoubleArray());
        assertThat(mix(2.3, 1.5, 3, doubled)).isEqualTo(three.toDoubleArray());
        NDList both = new Guidance(2.3, 0, 0, 1).mix(new NDList(doubled, doubled), 0, 0.5);
        assertThat(both.get(1).toDoubleArray()).isEqualTo(halves.get(0).toDoubleArray());
    }

    private static double[] mix(double scale, double classScale, int channels, NDArray doubled) {
        Guidance guidance = new Guidance(scale, classScale, 0, 1, channels);
        return guidance.mix(new NDList(doubled), 0, 0.5).get(0).toDoubleArray();
    }
}
