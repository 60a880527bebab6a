package io.github.maskalign.encoders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.io.OwnedArrays;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class PreprocessingTest {
    @Test
    void dinov2SeesImagenetStandardisedPicturesOf224Pixels() {
        try (NDManager manager = NDManager.newBaseManager()) {
            byte[] bytes = new byte[3 * 256 * 256];
            Arrays.fill(bytes, (byte) 200);

            NDArray out = Preprocessing.DINOV2.apply(OwnedArrays.of(manager, new Shape(1, 3, 256, 256), bytes));

            assertThat(out.getShape()).isEqualTo(new Shape(1, 3, 224, 224));
            double[] mean = {0.485, 0.456, 0.406};
            double[] std = {0.229, 0.224, 0.225};
            for (int c = 0; c < 3; c++) {
                // 1e-5: float32, and the weights of the resize sum to 1 in float32 only
                assertThat(out.getFloat(0, c, 100, 7))
                        .isCloseTo((float) ((200 / 255.0 - mean[c]) / std[c]), within(1e-5f));
            }
        }
    }

    @Test
    void resizeIsBicubicWithoutAntialias() {
        int side = 12;
        Preprocessing preset = new Preprocessing("test", 1, List.of(0.0, 0.0, 0.0), List.of(1.0, 1.0, 1.0), 4, 3, 3);
        SplittableRandom random = new SplittableRandom(5);
        byte[] bytes = new byte[3 * side * side];
        random.nextBytes(bytes);
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray out = preset.apply(OwnedArrays.of(manager, new Shape(1, 3, side, side), bytes));

            for (int y = 0; y < 9; y++) {
                for (int x = 0; x < 9; x++) {
                    // 1e-3 of 255: float32
                    assertThat((double) out.getFloat(0, 1, y, x))
                            .isCloseTo(bicubic(bytes, side * side, side, 9, y, x), within(1e-3));
                }
            }
        }
    }

    @Test
    void teacherSeesEveryByteBetweenMinusOneAndOne() {
        try (NDManager manager = NDManager.newBaseManager()) {
            byte[] bytes = new byte[3 * 32 * 32];
            bytes[0] = 0;
            bytes[1] = (byte) 255;
            NDArray images = OwnedArrays.of(manager, new Shape(1, 3, 32, 32), bytes);

            NDArray out = Preprocessing.EMOJI_VIT.apply(images);

            assertThat(out.getShape()).isEqualTo(images.getShape());
            assertThat(out.getFloat(0, 0, 0, 0)).isEqualTo(-1f);
            assertThat(out.getFloat(0, 0, 0, 1)).isCloseTo(1f, within(1e-6f)); // 1 / 127.5 is rounded
            assertThat(Preprocessing.EMOJI_VIT_DOUBLE.apply(images).getShape()).isEqualTo(new Shape(1, 3, 64, 64));
        }
    }

    @Test
    void tokensFollowFromTheSide() {
        assertThat(Preprocessing.DINOV2.tokensFor(256)).isEqualTo(256);
        assertThat(Preprocessing.DINOV2.tokensFor(512)).isEqualTo(1024);
        assertThat(Preprocessing.EMOJI_VIT.tokensFor(32)).isEqualTo(64);
        assertThat(Preprocessing.EMOJI_VIT_DOUBLE.tokensFor(32)).isEqualTo(256);
    }

    @Test
    void presetsAreFoundByName() {
        assertThat(Preprocessing.named("dinov2")).isSameAs(Preprocessing.DINOV2);
        assertThatThrownBy(() -> Preprocessing.named("dino"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("preprocessing must be one of [dinov2, clip, emoji-vit, emoji-vit-double] but was dino");
    }

    @Test
    void otherPicturesAreRefused() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray floats = manager.ones(new Shape(1, 3, 32, 32));
            NDArray oblong = manager.ones(new Shape(1, 3, 32, 28), DataType.UINT8);
            NDArray odd = manager.ones(new Shape(1, 3, 33, 33), DataType.UINT8);

            assertThatThrownBy(() -> Preprocessing.EMOJI_VIT.apply(floats)).hasMessageContaining("must be uint8");
            assertThatThrownBy(() -> Preprocessing.EMOJI_VIT.apply(oblong)).hasMessageContaining("must be square");
            assertThatThrownBy(() -> Preprocessing.EMOJI_VIT.apply(odd)).hasMessageContaining("multiple of 4 pixels");
        }
    }

    /** Keys' kernel with a = -0.75 on the four nearest pixels, edges repeated. */
    private static double bicubic(byte[] bytes, int base, int from, int to, int y, int x) {
        double v = (y + 0.5) * from / to - 0.5;
        double u = (x + 0.5) * from / to - 0.5;
        double sum = 0;
        for (int j = -1; j <= 2; j++) {
            for (int i = -1; i <= 2; i++) {
                int row = (int) Math.floor(v) + j;
                int column = (int) Math.floor(u) + i;
                double weight = kernel(v - row) * kernel(u - column);
                int r = Math.max(0, Math.min(from - 1, row));
                int c = Math.max(0, Math.min(from - 1, column));
                sum += weight * (bytes[base + r * from + c] & 0xFF);
            }
        }
        return sum;
    }

    private static double kernel(double distance) {
        double a = -0.75;
        double d = Math.abs(distance);
        if (d <= 1) {
            return ((a + 2) * d - (a + 3)) * d * d + 1;
        }
        return d < 2 ? ((d - 5) * d + 8) * d * a - 4 * a : 0;
    }
}
