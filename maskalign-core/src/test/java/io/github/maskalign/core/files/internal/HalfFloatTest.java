package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.files.internal.TensorValues.HalfFloat;
import org.junit.jupiter.api.Test;

class HalfFloatTest {
    @Test
    void everyHalfComesBack() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            float wide = HalfFloat.toFloat((short) bits);
            if (!Float.isNaN(wide)) {
                assertThat(HalfFloat.ofFloat(wide)).isEqualTo((short) bits);
            }
        }
        assertThat(HalfFloat.toFloat(HalfFloat.ofFloat(Float.NaN))).isNaN();
    }

    @Test
    void betweenTwoHalvesTheNearestIsTakenAndTheEvenOneInTheMiddle() {
        for (int bits = 0; bits < 0x7bff; bits++) {
            double low = HalfFloat.toFloat((short) bits);
            double high = HalfFloat.toFloat((short) (bits + 1));
            float middle = (float) ((low + high) / 2); // exact: one more bit than a half has
            assertThat(HalfFloat.ofFloat(middle)).isEqualTo((short) (bits + (bits & 1)));
            assertThat(HalfFloat.ofFloat(Math.nextDown(middle))).isEqualTo((short) bits);
            assertThat(HalfFloat.ofFloat(-Math.nextUp(middle))).isEqualTo((short) (bits + 1 | 0x8000));
        }
    }

    @Test
    void largeNumbersBecomeInfinite() {
        assertThat(HalfFloat.ofFloat(65519.996f)).isEqualTo((short) 0x7bff);
        assertThat(HalfFloat.ofFloat(65520)).isEqualTo((short) 0x7c00);
        assertThat(HalfFloat.ofFloat(Float.NEGATIVE_INFINITY)).isEqualTo((short) 0xfc00);
    }
}
