package io.github.maskalign.encoders;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.internal.Processor;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.golden.GoldenCase;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Pictures are resized as PyTorch does, at the sides that encoders are published for and at odd ones. */
@Tag("bits")
class BicubicSidesTest {
    /**
     * The fixture is by fused multiplications. Without them the places between pixels, near 256, are other float32 numbers:
     * PyTorch 2.3.1 itself is up to 1.74e-6 from the fixture then (and with them 9e-6 from float64).
     */
    private static final double TOLERANCE =
            List.of("avx2", "avx512").contains(Processor.read().capability()) ? 1e-6 : 2e-6;

    static Stream<String> cases() {
        return GoldenCase.names(BicubicSidesTest.class, "bicubic");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void resizedPicturesAreThoseOfPyTorch(String name) {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(getClass(), "bicubic", name, manager);
            int from = Integer.parseInt(golden.metadata().get("from"));
            int to = Integer.parseInt(golden.metadata().get("to"));
            Preprocessing resize = new Preprocessing(
                    "test",
                    255,
                    List.of(0.0, 0.0, 0.0),
                    List.of(1.0, 1.0, 1.0),
                    Preprocessing.Order.RESIZE_FIRST,
                    from,
                    from,
                    to,
                    to);

            NDArray x = resize.apply(OwnedArrays.of(manager, new Shape(1, 3, from, from), waves(from)));

            assertThat(x.getShape()).isEqualTo(new Shape(1, 3, to, to));
            // float32, weights in another order; the fixture holds some rows and columns
            assertThat(GoldenCase.relativeError(x.get(":, :, ::13, ::7"), golden.get("outputs/x")))
                    .isLessThan(TOLERANCE);
        }
    }

    /** The picture of the script, by the same formula. */
    private static byte[] waves(int side) {
        byte[] planes = new byte[3 * side * side];
        int at = 0;
        for (int c = 0; c < 3; c++) {
            for (int y = 0; y < side; y++) {
                for (int x = 0; x < side; x++) {
                    planes[at++] = (byte) ((x * x * 3 + y * y * 5 + x * y * (c + 1) * 7 + 3700 * c) >> 6);
                }
            }
        }
        return planes;
    }
}
