package io.github.maskalign.core.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.golden.GoldenCase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PixelScalingTest {
    @Test
    void bytesCoverTheModelsRangeEvenly() {
        assertThat(PixelScaling.toModel((byte) 0)).isEqualTo(-1);
        assertThat(PixelScaling.toModel((byte) 255)).isEqualTo(1);
        for (int b = 1; b < 256; b++) {
            float step = PixelScaling.toModel((byte) b) - PixelScaling.toModel((byte) (b - 1));
            assertThat(step).isBetween(0.0078f, 0.0079f); // 2/255 = 0.00784
        }
    }

    @Test
    void roundingBringsEveryByteBack() {
        for (int b = 0; b < 256; b++) {
            assertThat(PixelScaling.ROUND.toByte(PixelScaling.toModel((byte) b)))
                    .isEqualTo((byte) b);
        }
    }

    @Test
    void bothRulesGiveTheBytesOfTheirProjects() {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(PixelScalingTest.class, "pixels", "bytes", manager);
            float[] x = golden.get("x").toFloatArray();
            byte[] truncated = golden.get("truncate").toByteArray();
            byte[] rounded = golden.get("round").toByteArray();

            assertThat(x).hasSizeGreaterThan(1000);
            for (int i = 0; i < x.length; i++) {
                assertThat(PixelScaling.TRUNCATE.toByte(x[i])).as("%s", x[i]).isEqualTo(truncated[i]);
                assertThat(PixelScaling.ROUND.toByte(x[i])).as("%s", x[i]).isEqualTo(rounded[i]);
                double nearest = Math.max(0, Math.min(255, Math.floor(127.5 * (x[i] + 1.0) + 0.5)));
                assertThat(PixelScaling.ROUND.toByte(x[i]) & 0xff).isEqualTo((int) nearest);
            }
        }
    }

    @Test
    void truncationMayLoseOneLevel() {
        for (int b = 0; b < 256; b++) {
            int back = PixelScaling.TRUNCATE.toByte(PixelScaling.toModel((byte) b)) & 0xff;
            assertThat(b - back).isBetween(0, 1);
        }
        assertThat(PixelScaling.TRUNCATE.toByte(0.999f)).isEqualTo((byte) 254); // 254.87
        assertThat(PixelScaling.ROUND.toByte(0.999f)).isEqualTo((byte) 255); // 255.37
        assertThat(PixelScaling.TRUNCATE.toByte(0)).isEqualTo((byte) 127); // 127.5
        assertThat(PixelScaling.ROUND.toByte(0)).isEqualTo((byte) 128);
    }

    @ParameterizedTest
    @EnumSource
    void valuesOutsideTheRangeAreClamped(PixelScaling scaling) {
        assertThat(scaling.toByte(-1.5f)).isEqualTo((byte) 0);
        assertThat(scaling.toByte(7)).isEqualTo((byte) 255);
        assertThat(scaling.toByte(Float.NEGATIVE_INFINITY)).isEqualTo((byte) 0);
        assertThat(scaling.toByte(Float.POSITIVE_INFINITY)).isEqualTo((byte) 255);
        assertThat(scaling.toByte(Float.NaN)).isEqualTo((byte) 0);
    }

    @Test
    void valuesBecomePicturesInOneCall() {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            NDArray x = manager.create(new float[] {-1, 0.999f, 0, 1, 2, Float.NaN}, new Shape(2, 3, 1, 1));

            for (NDArray values : new NDArray[] {x, x.toType(DataType.FLOAT64, true)}) {
                assertThat(PixelScaling.TRUNCATE.pictures(values))
                        .extracting(picture -> picture.rgb(0, 0))
                        .containsExactly(0x00fe7f, 0xffff00);
            }
            assertThat(PixelScaling.ROUND.pictures(x).get(0).rgb(0, 0)).isEqualTo(0x00ff80);
            assertThatThrownBy(() -> PixelScaling.ROUND.pictures(x.get(0))).hasMessageContaining("(3, 1, 1)");
        }
    }
}
