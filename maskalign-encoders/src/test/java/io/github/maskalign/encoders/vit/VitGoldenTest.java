package io.github.maskalign.encoders.vit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.Autograd;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares with values and gradients of an independent PyTorch implementation. */
@Tag("bits")
@Tag("device")
class VitGoldenTest {
    /** float32 through two or three blocks. */
    private static final double OUTPUT_TOLERANCE = 1e-5;

    private static final double GRADIENT_TOLERANCE = 1e-4;

    static Stream<String> cases() {
        return GoldenCase.names(VitGoldenTest.class, "vit");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void outputsAndGradientsAreThoseOfPytorch(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode on = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(VitGoldenTest.class, "vit", name, manager);
            Vit vit = new Vit(config(golden.metadata()), Precision.FLOAT32);
            NDArray image = golden.get("inputs/image");
            vit.initialize(manager, DataType.FLOAT32, image.getShape());
            Weights.copyInto(vit, golden.under("weights/"));
            image.setRequiresGradient(true);

            NDList out = vit.forward(new ParameterStore(manager, false), new NDList(image), true);
            NDArray loss = out.get(0)
                    .mul(golden.get("cotangents/cls"))
                    .sum()
                    .add(out.get(1).mul(golden.get("cotangents/patches")).sum());
            List<String> keys = new ArrayList<>();
            ParameterKeys.of(vit).forEach((key, parameter) -> {
                if (parameter.requiresGradient()) {
                    keys.add(key);
                }
            });
            NDList variables = Weights.trainable(vit);
            keys.add("image");
            variables.add(image);
            NDList gradients = Autograd.gradients(loss, variables, manager);

            assertThat(GoldenCase.relativeError(out.get(0), golden.get("outputs/x_norm_clstoken")))
                    .isLessThan(OUTPUT_TOLERANCE);
            assertThat(GoldenCase.relativeError(out.get(1), golden.get("outputs/x_norm_patchtokens")))
                    .isLessThan(OUTPUT_TOLERANCE);
            for (int i = 0; i < keys.size(); i++) {
                assertThat(GoldenCase.relativeError(gradients.get(i), golden.get("grads/" + keys.get(i))))
                        .as(keys.get(i))
                        .isLessThan(GRADIENT_TOLERANCE);
            }
            assertThat(vit.getOutputShapes(new Shape[] {image.getShape()})).containsExactly(out.getShapes());
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void keysAreTheOfficialOnes(String name) {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(VitGoldenTest.class, "vit", name, manager);
            Map<String, Parameter> parameters = ParameterKeys.of(new Vit(config(golden.metadata()), Precision.FLOAT32));

            assertThat(parameters.keySet())
                    .containsExactlyInAnyOrderElementsOf(
                            golden.under("weights/").keySet());
        }
    }

    private static VitConfig config(Map<String, String> metadata) {
        return new VitConfig(
                number(metadata, "image_size"),
                number(metadata, "patch_size"),
                number(metadata, "width"),
                number(metadata, "depth"),
                number(metadata, "heads"));
    }

    private static int number(Map<String, String> metadata, String key) {
        return Integer.parseInt(metadata.getOrDefault(key, ""));
    }
}
