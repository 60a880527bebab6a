package io.github.maskalign.core.sample;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.diffusion.GoldenFile;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("bits")
@Tag("device")
class TrajectoryGoldenTest {
    private static final List<String> PARTS = List.of("x", "cls");
    private static final double RELATIVE = 1e-10; // of the fixtures: float64 states and field
    private static final double RELATIVE_FLOAT32 = 1e-4; // of the fixtures: field called in float32

    @ParameterizedTest
    @ValueSource(
            strings = {
                "field-euler",
                "field-euler-cfg",
                "field-euler-cfg-inclusive",
                "field-heun",
                "field-heun-cfg",
                "field-em",
                "field-em-cfg",
                "field-em-cosine",
                "joint-em",
                "joint-em-cfg",
                "joint-em-cfg-latent-only",
                "joint-euler-cfg",
                "joint-heun-cfg"
            })
    void trajectoryEqualsTheReference(String name) {
        compare(new Case("samplers/" + name));
    }

    @ParameterizedTest
    @ValueSource(strings = {"euler", "heun", "em", "joint-em"})
    void trajectoryWithSomeChannelsGuidedEqualsTheReference(String name) {
        Case golden = new Case("guided-channels/" + name);

        assertThat(golden.config().guidance().legacyGuidedChannels()).isPositive();
        compare(golden);
    }

    private static void compare(Case golden) {
        WavyVelocityField field = golden.field();

        NDManager manager = NDManager.newBaseManager();
        try (manager) {
            NDList sampled = golden.sampler().sample(manager, field, golden.request(), golden.noise(false));

            golden.assertState(golden.steps(), values(sampled), RELATIVE);
        }

        assertThat(golden.sampler().times()).isEqualTo(golden.file.doubles("grid"));
        assertThat(field.seen()).hasSize(Integer.parseInt(golden.file.metadata("nfe")));
        boolean heun = golden.config().method() == SamplerMethod.HEUN;
        for (int step = 0; step < golden.steps(); step++) {
            int call = heun ? 2 * step : step; // the predictions in between are not in the fixture
            golden.assertState(step, field.seen().get(call), RELATIVE);
            assertThat(field.guided().get(call)).isEqualTo(golden.file.longs("guided")[step] == 1);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"field-heun-cfg", "field-em-cfg", "joint-em-cfg"})
    void callingTheFieldInFloat32CostsLittle(String name) {
        Case golden = new Case("samplers/" + name);

        NDManager manager = NDManager.newBaseManager();
        try (manager) {
            NDList sampled = golden.sampler().sample(manager, golden.field(), golden.request(), golden.noise(true));

            golden.assertState(golden.steps(), values(sampled), RELATIVE_FLOAT32);
        }
    }

    private static double[][] values(NDList state) {
        return state.stream().map(a -> a.toDoubleArray()).toArray(double[][]::new);
    }

    private record Case(GoldenFile file) {
        Case(String name) {
            this(new GoldenFile(name));
        }

        int steps() {
            return Integer.parseInt(file.metadata("steps"));
        }

        SamplerConfig config() {
            SamplerMethod method = switch (file.metadata("sampler")) {
                case "euler" -> SamplerMethod.EULER;
                case "heun" -> SamplerMethod.HEUN;
                case "em" -> SamplerMethod.EULER_MARUYAMA;
                default -> throw new IllegalStateException(file.metadata("sampler"));
            };
            int channels = file.knows("channels") ? Integer.parseInt(file.metadata("channels")) : 0;
            Guidance guidance = new Guidance(number("w"), number("w_cls"), number("low"), number("high"), channels);
            return SamplerConfig.defaults().withMethod(method, steps()).withGuidance(guidance);
        }

        Sampler sampler() {
            return new Sampler(
                    config(), Interpolant.valueOf(file.metadata("path").toUpperCase(Locale.ROOT)));
        }

        WavyVelocityField field() {
            return new WavyVelocityField(request().size(), Long.parseLong(file.metadata("null_class")));
        }

        SampleRequest request() {
            int[] x = file.shape("trajectory/x"); // (S+1, N, C, H, W)
            int width = file.has("trajectory/cls") ? file.shape("trajectory/cls")[2] : 0;
            return new SampleRequest(0, file.longs("y"), new Shape(x[2], x[3], x[4]), width);
        }

        NoiseSource noise(boolean float32) {
            return new NoiseSource() {
                @Override
                public NDList initial(NDManager manager, SampleRequest request) {
                    NDList start = arrays(manager, request, "trajectory/", 0);
                    NDList cast = new NDList();
                    start.forEach(a -> cast.add(a.toType(float32 ? DataType.FLOAT32 : DataType.FLOAT64, false)));
                    return cast;
                }

                @Override
                public NDList path(NDManager manager, SampleRequest request, int step) {
                    return arrays(manager, request, "noise/", step);
                }
            };
        }

        void assertState(int step, double[][] state, double relative) {
            for (int part = 0; part < state.length; part++) {
                double[] expected = slice("trajectory/" + PARTS.get(part), step);
                double size = Math.sqrt(Arrays.stream(expected).map(v -> v * v).sum());
                double error = 0;
                for (int i = 0; i < expected.length; i++) {
                    error += Math.pow(state[part][i] - expected[i], 2);
                }
                assertThat(state[part]).hasSameSizeAs(expected);
                assertThat(Math.sqrt(error) / size)
                        .as("%s after %d steps", PARTS.get(part), step)
                        .isCloseTo(0, within(relative));
            }
        }

        private NDList arrays(NDManager manager, SampleRequest request, String prefix, int index) {
            NDList list = new NDList();
            for (Shape shape : request.stateShapes()) {
                list.add(manager.create(slice(prefix + PARTS.get(list.size()), index), shape));
            }
            return list;
        }

        private double[] slice(String tensor, int index) {
            double[] all = file.doubles(tensor);
            int width = all.length / file.shape(tensor)[0];
            return Arrays.copyOfRange(all, index * width, (index + 1) * width);
        }

        private double number(String key) {
            return Double.parseDouble(file.metadata(key));
        }
    }
}
