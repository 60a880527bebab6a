package io.github.maskalign.encoders.inception;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.encoders.inception.InceptionExtractor.InceptionSuite;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("bits")
@Tag("device")
class ResizeGoldenTest {
    private static Stream<String> cases() {
        return GoldenCase.names(ResizeGoldenTest.class, "inception-resize");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void admInputEqualsTensorFlows(String name) {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(ResizeGoldenTest.class, "inception-resize", name, manager);

            NDArray found = InceptionSuite.ADM.prepare(golden.get("images")).get(":, :, 6::13, 6::13");

            // values up to 1: one rounding of a product more or less is 6e-8
            assertThat(found.sub(golden.get("resized")).abs().max().getFloat()).isLessThan(1e-6f);
        }
    }

    @Test
    void suitesDifferByHalfAPixel() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray ramp = manager.arange(0, 150, 10, DataType.UINT8)
                    .reshape(1, 1, 1, 15)
                    .broadcast(1, 3, 15, 15); // 10 times the column

            NDArray adm = InceptionSuite.ADM.prepare(ramp).mul(128).add(128);
            NDArray other = InceptionSuite.PYTORCH_FID.prepare(ramp).add(1).mul(127.5);

            // column 149 stands for 149 · 15/299 in one and for 149.5 · 15/299 − 0.5, the middle, in the other
            assertThat(adm.getFloat(0, 0, 150, 149)).isCloseTo(74.749f, within(1e-3f));
            assertThat(other.getFloat(0, 0, 150, 149)).isCloseTo(70f, within(1e-3f));
        }
    }

    @Test
    void otherShapesAndTypesAreRefused() {
        try (NDManager manager = NDManager.newBaseManager()) {
            for (NDArray wrong : new NDArray[] {
                manager.zeros(new Shape(1, 3, 8, 8)),
                manager.zeros(new Shape(1, 1, 8, 8), DataType.UINT8),
                manager.zeros(new Shape(3, 8, 8), DataType.UINT8),
                manager.zeros(new Shape(0, 3, 8, 8), DataType.UINT8)
            }) {
                assertThatThrownBy(() -> InceptionSuite.ADM.prepare(wrong))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageStartingWith("pictures must be uint8 (N, 3, H, W) but were");
            }
        }
    }
}
