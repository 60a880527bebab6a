package io.github.maskalign.sit.weights.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class RoundedTensorTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0, 0",
        "-0.0, 8000, 8000",
        "1, 3c00, 3f80",
        "65504, 7bff, 4780",
        "65519.996, 7bff, 4780",
        "65520, 7c00, 4780",
        "-1e30, fc00, f14a",
        "Infinity, 7c00, 7f80",
        "6.1035156e-5, 0400, 3880",
        "5.9604645e-8, 0001, 3380",
        "2.9802322e-8, 0000, 3300",
        "2.980233e-8, 0001, 3300",
        "8.9406967e-8, 0002, 33c0",
        "1.00390625, 3c04, 3f80",
        "1.01171875, 3c0c, 3f82",
        "3.4028235e38, 7c00, 7f80"
    })
    void roundsToNearestEven(float value, String half, String bfloat) {
        assertThat(String.format("%04x", RoundedTensor.toHalf(value) & 0xffff)).isEqualTo(pad(half));
        assertThat(String.format("%04x", RoundedTensor.toBfloat16(value) & 0xffff))
                .isEqualTo(pad(bfloat));
    }

    @ParameterizedTest
    @EnumSource(names = {"F16", "BF16"})
    void everyPatternComesBack(TensorType type) throws Exception {
        for (int pattern = 0; pattern < 1 << 16; pattern++) {
            short bits = (short) pattern;
            TensorSource one = new Pattern(type, bits);
            float wide = one.floats()[0];
            short again = type == TensorType.F16 ? RoundedTensor.toHalf(wide) : RoundedTensor.toBfloat16(wide);
            if (Float.isNaN(wide)) {
                assertThat(new Pattern(type, again).floats()[0]).isNaN();
            } else {
                assertThat(again).as(Integer.toHexString(pattern)).isEqualTo(bits);
            }
        }
    }

    @Test
    void roundedNumberIsTheNearest() throws Exception {
        long seed = 20261123;
        Random random = new Random(seed);
        for (int i = 0; i < 200_000; i++) {
            float value = Float.intBitsToFloat(random.nextInt() & 0x8fff_ffff | 0x3000_0000);
            short half = RoundedTensor.toHalf(value);
            double error = Math.abs((double) new Pattern(TensorType.F16, half).floats()[0] - value);
            for (int side : new int[] {-1, 1}) {
                float other = new Pattern(TensorType.F16, (short) (half + side)).floats()[0];
                if (Float.isFinite(other) && (other < 0) == (value < 0)) {
                    assertThat(Math.abs((double) other - value))
                            .as("seed %d, %s", seed, value)
                            .isGreaterThanOrEqualTo(error);
                }
            }
        }
    }

    @Test
    void longTensorIsRoundedPieceByPiece() throws Exception {
        float[] values = new float[700_001];
        for (int i = 0; i < values.length; i++) {
            values[i] = i / 8f;
        }
        TensorSource rounded = RoundedTensor.of(TensorSource.of(new Shape(values.length), values), TensorType.BF16);

        assertThat(rounded.byteSize()).isEqualTo(2L * values.length);
        assertThat(rounded.floats()[256]).isEqualTo(32f);
        assertThat(rounded.floats()[700_000]).isEqualTo(87_552f); // 87500 to 8 bits
    }

    @Test
    void otherTypesStayAndIntegersAreLeftAlone() {
        TensorSource floats = TensorSource.of(new Shape(1), new float[1]);
        TensorSource longs = TensorSource.of(new Shape(1), new long[1]);

        assertThat(RoundedTensor.of(floats, TensorType.F32)).isSameAs(floats);
        assertThat(RoundedTensor.of(longs, TensorType.F16)).isSameAs(longs);
        assertThatThrownBy(() -> new RoundedTensor(floats, TensorType.F64))
                .hasMessage("type must be F32, F16 or BF16 but was F64");
    }

    private static String pad(String hex) {
        return "0000".substring(hex.length()) + hex;
    }

    /** One number by its bits. */
    private record Pattern(TensorType type, short bits) implements TensorSource {
        @Override
        public Shape shape() {
            return new Shape(1);
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            sink.accept(ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN).putShort(0, bits));
        }
    }
}
