package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.SubsetConfig.Order;
import io.github.maskalign.core.align.SubsetConfig.Rounding;
import io.github.maskalign.core.align.SubsetConfig.Scope;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.Guidance.Routes;
import io.github.maskalign.core.sample.SampleRequest;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.sit.parity.internal.ParityConfig;
import io.github.maskalign.sit.weights.internal.TimeConvention.ReversedTimeField;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** TREAD's guidance between two ratios of routed tokens, in place of the null class. */
@Tag("device")
class RouteGuidanceTest {
    private static final SiTConfig ROUTED = TinySiT.plain().withPlacement(SubsetPlacement.ROUTE, 1, 1);
    private static final Guidance GUIDANCE = new Guidance(2, 2, 0, 0.8).withRoutes(Routes.PUBLISHED);

    static Stream<String> cases() {
        return GoldenCase.names(RouteGuidanceTest.class, "route-guidance");
    }

    @ParameterizedTest
    @MethodSource("cases")
    @Tag("bits")
    void endsWherePyTorchDoes(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode values = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(getClass(), "route-guidance", name, manager);
            SiTConfig config = config(golden);
            SiT model = new SiT(config);
            model.initialize(manager);
            Weights.copyInto(model, golden.under("weights/"));
            Given noise = new Given(golden);
            Guidance guidance = new Guidance(
                            number(golden, "w"), number(golden, "w_cls"), number(golden, "low"), number(golden, "high"))
                    .withRoutes(new Routes(number(golden, "ratio"), number(golden, "weak")));
            SamplerConfig how = SamplerConfig.defaults()
                    .withMethod(SamplerMethod.valueOf(golden.metadata().get("sampler")), (int) number(golden, "steps"))
                    .withGuidance(guidance);
            SampleRequest request =
                    new SampleRequest(0, golden.get("y").toLongArray(), new Shape(4, 8, 8), config.classTokenWidth());

            NDList end = new Sampler(how, Interpolant.LINEAR)
                    .sample(manager, new SiTVelocityField(model, new ParameterStore(manager, false)), request, noise);

            int part = 0;
            for (String key : parts(golden)) { // 1e-5: the network in float32, up to seven calls
                assertThat(GoldenCase.relativeError(end.get(part++), golden.get("end/" + key)))
                        .as(key)
                        .isLessThan(1e-5);
            }
            assertThat(noise.asked).hasSize(golden.under("keep/").size());
        }
    }

    /** Draws that depend on the picture and the call alone, however pictures are put together. */
    @ParameterizedTest
    @EnumSource(
            value = SamplerMethod.class,
            names = {"EULER", "HEUN", "EULER_MARUYAMA"})
    void subsetsAreThePicturesOwn(SamplerMethod method) {
        Map<Integer, List<String>> whole = seen(method, 5);

        assertThat(whole.keySet()).containsExactly(0, 1, 2, 3, 4);
        assertThat(whole.get(0)).isNotEqualTo(whole.get(1)).doesNotHaveDuplicates();
        for (int batch : new int[] {1, 2, 3}) {
            assertThat(seen(method, batch)).as("batches of %d", batch).isEqualTo(whole);
        }
        // of 9 tokens trunc(9 · 0.7) = 6 and trunc(9 · 0.3) = 2; the first step of four is not guided
        int calls = method == SamplerMethod.HEUN ? 5 : 3; // the last step of HEUN is a step of EULER
        assertThat(whole.get(0)).hasSize(2 * calls);
        for (int i = 0; i < whole.get(0).size(); i++) {
            assertThat(whole.get(0).get(i).split(",")).hasSize(i % 2 == 0 ? 6 : 2);
        }
    }

    /** The tokens that each picture keeps, call for call. */
    private static Map<Integer, List<String>> seen(SamplerMethod method, int batch) {
        Map<Integer, List<String>> all = new TreeMap<>();
        SamplerConfig how = SamplerConfig.defaults().withMethod(method, 4).withGuidance(GUIDANCE);
        try (NDManager manager = NDManager.newBaseManager()) {
            for (int first = 0; first < 5; first += batch) {
                int begin = first;
                SampleRequest request =
                        new SampleRequest(first, new long[Math.min(batch, 5 - first)], new Shape(1, 3, 3), 0);
                new Sampler(how, Interpolant.LINEAR)
                        .sample(
                                manager,
                                new Zero((row, keep) -> all.computeIfAbsent(begin + row, r -> new ArrayList<>())
                                        .add(keep)),
                                request,
                                NoiseSource.of(new Draws(3)));
            }
        }
        return all;
    }

    @Test
    void otherNoiseIsNotTouched() {
        SampleRequest request = new SampleRequest(4, new long[2], new Shape(1, 3, 3), 0);
        NoiseSource noise = NoiseSource.of(new Draws(3));
        try (NDManager manager = NDManager.newBaseManager()) {
            float[] before = noise.initial(manager, request).get(0).toFloatArray();
            long[] subset = noise.subset(request, 6, 9, 9);

            assertThat(noise.initial(manager, request).get(0).toFloatArray()).isEqualTo(before);
            assertThat(Arrays.copyOf(subset, 9)).containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7, 8);
            assertThat(noise.subset(request, 6, 9, 4)).startsWith(Arrays.copyOf(subset, 4));
            assertThat(noise.subset(request, 7, 9, 9)).isNotEqualTo(subset);
        }
    }

    @Test
    void ratioZeroIsTheWholeModelAndTheOtherAxisIsTurned() {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode values = GradMode.off()) {
            SiT model = TinySiT.moved(ROUTED, manager);
            VelocityField field = new SiTVelocityField(model, new ParameterStore(manager, false));
            VelocityField.Routed turned = new ReversedTimeField(field).routed().orElseThrow();
            SiTInput in = TinySiT.input(ROUTED, manager, null);
            NDArray keep = TinySiT.keepFive(manager);

            assertThat(turned.tokens()).isEqualTo(9);
            assertThat(turned.kept(0.7)).isEqualTo(2);
            NDArray earlier = in.t().neg().add(1);
            assertThat(turned.velocity(new NDList(in.x()), earlier, in.y(), keep)
                            .get(0)
                            .neg()
                            .allClose(
                                    field.routed()
                                            .orElseThrow()
                                            .velocity(new NDList(in.x()), in.t(), in.y(), keep)
                                            .get(0),
                                    1e-4,
                                    1e-4,
                                    false))
                    .isTrue();
            assertThat(sample(model, new Routes(0, 0.5), manager))
                    .isNotEqualTo(sample(model, new Routes(0.1, 0.5), manager));
        }
    }

    private static float[] sample(SiT model, Routes routes, NDManager manager) {
        SamplerConfig how = SamplerConfig.defaults()
                .withMethod(SamplerMethod.EULER, 3)
                .withGuidance(new Guidance(2, 2, 0, 1).withRoutes(routes));
        return new Sampler(how, Interpolant.LINEAR)
                .sample(
                        manager,
                        new SiTVelocityField(model, new ParameterStore(manager, false)),
                        new SampleRequest(0, new long[] {1, 2}, new Shape(3, 6, 6), 0),
                        NoiseSource.of(new Draws(1)))
                .get(0)
                .toType(DataType.FLOAT32, true)
                .toFloatArray();
    }

    @Test
    void whatCannotBeGuidedSoIsRefused() {
        try (NDManager manager = NDManager.newBaseManager()) {
            SiT plain = TinySiT.fresh(TinySiT.plain(), manager);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> sample(plain, Routes.PUBLISHED, manager))
                    .withMessageContaining("ROUTE_RATIO needs a model with subset.placement ROUTE")
                    .withMessageContaining("choose unconditional NULL_LABEL");
            SiT routed = TinySiT.fresh(ROUTED, manager);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> sample(routed, new Routes(0.3, 0.99), manager))
                    .withMessageContaining("ratio must leave at least one of the 9 tokens");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Routes(0.7, 0.3))
                .withMessage("0 <= routeRatio < weakRouteRatio < 1 must hold, but they were 0.7 and 0.3");
        assertThatIllegalArgumentException().isThrownBy(() -> new Routes(Double.NaN, 0.3));
        assertThatIllegalArgumentException().isThrownBy(() -> new Routes(0.3, 1));
    }

    /** A field that goes nowhere and tells which tokens its route keeps. */
    private record Zero(Kept kept) implements VelocityField, VelocityField.Routed {
        interface Kept {
            void of(int row, String keep);
        }

        @Override
        public NDList velocity(NDList state, NDArray t, NDArray labels) {
            return new NDList(state.get(0).zerosLike());
        }

        @Override
        public NDList velocity(NDList state, NDArray t, NDArray labels, NDArray keep) {
            for (int row = 0; row < keep.getShape().get(0); row++) {
                kept.of(row, Arrays.toString(keep.get(row).toLongArray()));
            }
            return velocity(state, t, labels);
        }

        @Override
        public Optional<Routed> routed() {
            return Optional.of(this);
        }

        @Override
        public int tokens() {
            return 9;
        }

        @Override
        public int kept(double ratio) {
            return Rounding.MAE.kept(9, ratio);
        }

        @Override
        public long nullLabel() {
            return 7;
        }
    }

    /** What the fixture's way was drawn with. */
    private static final class Given implements NoiseSource {
        private final GoldenCase golden;
        private final List<Integer> asked = new ArrayList<>();

        Given(GoldenCase golden) {
            this.golden = golden;
        }

        @Override
        public NDList initial(NDManager manager, SampleRequest request) {
            NDList start = new NDList();
            parts(golden).forEach(key -> start.add(golden.get("start/" + key).duplicate()));
            return start;
        }

        @Override
        public NDList path(NDManager manager, SampleRequest request, int step) {
            NDList noise = new NDList();
            parts(golden)
                    .forEach(key ->
                            noise.add(golden.get("noise/" + key).get(step).duplicate()));
            return noise;
        }

        @Override
        public long[] subset(SampleRequest request, int call, int tokens, int kept) {
            asked.add(call);
            NDArray keep = golden.get("keep/" + call);
            assertThat(keep.getShape().get(1)).isEqualTo(kept);
            return keep.toLongArray();
        }
    }

    private static List<String> parts(GoldenCase golden) {
        return golden.has("start/cls") ? List.of("x", "cls") : List.of("x");
    }

    private static double number(GoldenCase golden, String key) {
        return Double.parseDouble(golden.metadata().get(key));
    }

    private static SiTConfig config(GoldenCase golden) {
        JsonArray route = JsonParser.parseString(golden.metadata().get("route")).getAsJsonArray();
        SiTConfig config = ParityConfig.of(
                        JsonParser.parseString(golden.metadata().get("config")).getAsJsonObject())
                .withPlacement(
                        SubsetPlacement.ROUTE,
                        route.get(0).getAsInt(),
                        route.get(1).getAsInt());
        return config.withSubset(config.subset().withDrawing(Scope.PER_SAMPLE, Rounding.TREAD, Order.SHUFFLED));
    }
}
