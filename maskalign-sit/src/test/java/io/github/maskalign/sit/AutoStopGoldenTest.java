package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.nn.internal.Recomputation;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.train.AutoStop;
import io.github.maskalign.core.train.LossSchedule;
import io.github.maskalign.core.train.LossSchedule.Course;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import io.github.maskalign.sit.parity.internal.ParityConfig;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The angle that alignment stops by, against PyTorch's in float64. */
@Tag("bits")
class AutoStopGoldenTest {
    static Stream<String> cases() {
        return GoldenCase.names(AutoStopGoldenTest.class, "auto-stop");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void cosineIsThatOfPytorch(String name) {
        verify(name, false);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void cosineOfRecomputedBlocksIsThatOfPytorch(String name) {
        verify(name, true);
    }

    private void verify(String name, boolean recomputes) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(getClass(), "auto-stop", name, manager);
            SiT model = new SiT(config(golden));
            model.initialize(manager);
            Weights.copyInto(model, golden.under("weights/"));
            double beta = Double.parseDouble(golden.metadata().get("beta"));
            double coeff = Double.parseDouble(golden.metadata().get("coeff"));
            SiTLoss loss = new SiTLoss(model, Interpolant.LINEAR, beta, coeff);
            StoppingTerms stopping = loss.stoppingTerms();
            assertThat(stopping.exist()).isTrue();

            NDList terms = gradients(loss, golden, stopping::sum, recomputes, manager);
            NDList denoising = gradients(loss, golden, stopping::denoising, recomputes, manager);

            assertThat(AutoStop.cosine(terms, denoising, manager).orElseThrow())
                    .isCloseTo(golden.get("outputs/cosine").getFloat(0), within(1e-4));
            List<String> keys = ParameterKeys.of(model).entrySet().stream()
                    .filter(entry -> entry.getValue().requiresGradient())
                    .map(Map.Entry::getKey)
                    .toList();
            long shared = 0;
            for (int i = 0; i < keys.size(); i++) {
                boolean both = isReached(terms.get(i)) && isReached(denoising.get(i));
                assertThat(both && keys.get(i).startsWith("projectors"))
                        .as(keys.get(i))
                        .isFalse();
                shared += both ? 1 : 0;
            }
            assertThat(shared).isEqualTo(Long.parseLong(golden.metadata().get("shared")));
        }
    }

    private static boolean isReached(NDArray gradient) {
        return gradient.abs().max().getFloat() > 0;
    }

    private static NDList gradients(
            SiTLoss loss, GoldenCase golden, Function<SiTLosses, NDArray> side, boolean recomputes, NDManager manager) {
        Recomputation blocks = new Recomputation();
        SiTLosses losses = loss.compute(
                new ParameterStore(manager, false), input(golden), recomputes ? blocks : BlockRunner.PLAIN);
        NDList trained = Weights.trainable(loss.model());
        NDArray root = side.apply(losses);
        return recomputes ? blocks.gradients(root, trained, manager) : Autograd.gradients(root, trained, manager);
    }

    private static SiTLossInput input(GoldenCase golden) {
        Map<Integer, NDArray> attention = new HashMap<>();
        golden.under("inputs/attention.").forEach((block, logits) -> attention.put(Integer.valueOf(block), logits));
        return new SiTLossInput(
                golden.get("inputs/x"),
                golden.get("inputs/noise"),
                golden.get("inputs/t"),
                golden.get("inputs/y"),
                List.of(golden.get("inputs/targets.0")),
                golden.has("inputs/cls_noise") ? golden.get("inputs/cls_noise") : null,
                null,
                null,
                new SiTLossInput.Context(7, attention));
    }

    private static SiTConfig config(GoldenCase golden) {
        JsonObject json =
                JsonParser.parseString(golden.metadata().get("config")).getAsJsonObject();
        SiTConfig config = ParityConfig.of(json);
        LossSchedule auto = new LossSchedule(Course.AUTO, 0);
        if (Boolean.parseBoolean(golden.metadata().get("aligns"))) {
            config = config.withAlignment(config.align().withWeight(auto));
        }
        JsonElement attention = JsonParser.parseString(golden.metadata().get("attention"));
        JsonObject terms = new JsonObject();
        if (attention.isJsonObject()) {
            attention.getAsJsonObject().addProperty("schedule", "AUTO");
            terms.add("attention", attention);
        }
        return config.withTerms(ConfigBinder.bindText(terms.toString(), "terms", List.of(), LossTerms.class)
                .value());
    }
}
