package io.github.maskalign.core.data;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.internal.SampleLayout;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.random.Draws;
import java.lang.reflect.Proxy;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A label that is no class is refused where it comes from, before the engine sees it. */
class LabelRangeTest {
    private static final Draws DRAWS = new Draws(0);

    @ParameterizedTest
    @ValueSource(ints = {-1, 3})
    void preparedSampleIsNamedWithItsLabelAndTheRange(int label) {
        LatentData data = new LatentData(samplesWithLabel(label), DRAWS, 1, 0);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> data.read(0, 1))
                .withMessage("the label of sample 0 (cat.png) must be in [0, 2] but was " + label);
    }

    @Test
    void pictureInMemoryIsNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new ImageTensorData(new byte[2][3], new int[] {0, -4}, new Shape(3, 1, 1), DRAWS))
                .withMessage("label 1 must be at least 0 but was -4");
    }

    /** One sample of three classes. */
    private static PreparedSamples samplesWithLabel(int label) {
        SampleLayout layout = SampleLayout.latents(4, 2, FloatCode.FLOAT32);
        return (PreparedSamples) Proxy.newProxyInstance(
                PreparedSamples.class.getClassLoader(),
                new Class<?>[] {PreparedSamples.class},
                (proxy, method, arguments) -> switch (method.getName()) {
                    case "size" -> 1;
                    case "classes" -> 3;
                    case "label" -> label;
                    case "name" -> "cat.png";
                    case "layout" -> layout;
                    default -> null;
                });
    }
}
