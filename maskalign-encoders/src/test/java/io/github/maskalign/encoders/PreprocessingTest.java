package io.github.maskalign.encoders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.golden.GoldenCase;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PreprocessingTest {
    static Stream<String> cases() {
        return GoldenCase.names(PreprocessingTest.class, "preprocess");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void picturesAreThoseOfPyTorch(String name) {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(getClass(), "preprocess", name, manager);
            Preprocessing preset = Preprocessing.named(name);
            // the fixtures are an eighth of the published sides
            Preprocessing small = preset.sideUnit() == 256 ? preset.withSides(32, 32, 28, 14) : preset;

            NDArray x = small.apply(golden.get("inputs/image"));

            assertThat(x.getDataType()).isEqualTo(DataType.FLOAT32);
            // the same operations in float32; bicubic weights may be summed in another order
            assertThat(GoldenCase.relativeError(x, golden.get("outputs/x"))).isLessThan(1e-6);
        }
    }

    @Test
    void resizeIsBicubicWithoutAntialias() {
        int side = 12;
        Preprocessing preset = preprocessing(1, List.of(1.0, 1.0, 1.0)).withSides(4, 4, 3, 3);
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
    void resultBelongsToThePicturesAndNothingElseIsLeft() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray images = manager.zeros(new Shape(2, 3, 8, 8), DataType.UINT8);
            int before = manager.getManagedArrays().size();

            NDArray x = Preprocessing.EMOJI_VIT_DOUBLE.apply(images);

            assertThat(x.getManager()).isSameAs(manager);
            assertThat(x.getShape()).isEqualTo(new Shape(2, 3, 16, 16));
            assertThat(manager.getManagedArrays()).hasSize(before + 1);
        }
    }

    @Test
    void tokensFollowFromTheSideOfThePicture() {
        assertThat(Preprocessing.DINOV2.tokensFor(256)).isEqualTo(256);
        assertThat(Preprocessing.DINOV2.tokensFor(512)).isEqualTo(1024);
        assertThat(Preprocessing.IMAGENET.tokensFor(256)).isEqualTo(256);
        assertThat(Preprocessing.EMOJI_VIT.tokensFor(32)).isEqualTo(64);
        assertThat(Preprocessing.EMOJI_VIT_DOUBLE.tokensFor(32)).isEqualTo(256);
    }

    @Test
    void otherPicturesAreRefused() {
        try (NDManager manager = NDManager.newBaseManager()) {
            assertRefused(manager, new Shape(2, 3, 8, 12), DataType.UINT8, "pictures must be square");
            assertRefused(manager, new Shape(2, 1, 8, 8), DataType.UINT8, "pictures must be square, (N, 3, H, H)");
            assertRefused(manager, new Shape(3, 8, 8), DataType.UINT8, "but were (3, 8, 8)");
            assertRefused(manager, new Shape(2, 3, 8, 8), DataType.FLOAT32, "must be uint8 in [0, 255]");
            assertRefused(manager, new Shape(2, 3, 10, 10), DataType.UINT8, "multiple of 4 pixels but had 10");
        }
    }

    @Test
    void unknownNamesAndNumbersOutOfRangeAreRefused() {
        List<Double> ones = List.of(1.0, 1.0, 1.0);
        assertThatThrownBy(() -> Preprocessing.named("dino"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(
                        "[dinov2, clip, imagenet, dinov3sat, siglip2, emoji-vit, emoji-vit-double, emoji-judge] but was dino");
        assertThatThrownBy(() -> preprocessing(0, ones)).hasMessageContaining("divisor must be above 0 but was 0.0");
        assertThatThrownBy(() -> preprocessing(255, List.of(1.0, 0.0, 1.0))).hasMessageContaining("std must be above");
        assertThatThrownBy(() -> preprocessing(255, List.of(1.0))).hasMessageContaining("three numbers");
        assertThatThrownBy(() -> Preprocessing.SIGLIP2.withNormalisation(List.of(0.5, Double.NaN, 0.5), ones))
                .hasMessageContaining("mean must be finite but was [0.5, NaN, 0.5]");
        assertThatThrownBy(() -> Preprocessing.DINOV2.withSides(256, 256, 224, 15))
                .hasMessageContaining("patchSize must divide sideNumerator 224 but was 15");
        assertThatThrownBy(() -> Preprocessing.DINOV2.withSides(300, 256, 224, 14))
                .hasMessageContaining("usualSide must be a multiple of sideUnit 256 but was 300");
    }

    private static Preprocessing preprocessing(double divisor, List<Double> std) {
        return new Preprocessing(
                "test", divisor, List.of(0.0, 0.0, 0.0), std, Preprocessing.Order.NORMALISE_FIRST, 4, 4, 4, 4);
    }

    private static void assertRefused(NDManager manager, Shape shape, DataType type, String message) {
        NDArray images = manager.zeros(shape, type);
        assertThatThrownBy(() -> Preprocessing.EMOJI_VIT.apply(images))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
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
