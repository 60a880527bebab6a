package io.github.maskalign.core.data.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.maskalign.core.data.internal.PreparedStore.PreparedSample;
import io.github.maskalign.core.data.internal.PreparedStore.TokenError;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TokenErrorTest {
    private static final int WIDTH = 48;

    @Test
    void equalTokensHaveNone() {
        float[] tokens = {1, -2, 3, 0, 0, 0};

        assertThat(TokenError.of(tokens, tokens.clone(), 3)).isEqualTo(new TokenError(0, 14, 1));
        assertThat(TokenError.NONE.relative()).isZero();
    }

    @Test
    void errorIsRelativeAndCosineThatOfTheWorstToken() {
        TokenError error = TokenError.of(new float[] {3, 4, 1, 0}, new float[] {3, 4, 0, 1}, 2);

        assertThat(error.relative()).isCloseTo(Math.sqrt(2.0 / 26), within(1e-15));
        assertThat(error.worstCosine()).isZero();
    }

    @Test
    void bytesOfNormalTokensAreOffByTheirRounding() {
        SampleLayout layout = new SampleLayout(1, 1, FloatCode.FLOAT32, 0, 40, WIDTH, FloatCode.INT8_PER_ROW);
        ShardBuilder shard = new ShardBuilder(layout);
        Random random = new Random(4);
        float[] tokens = new float[layout.tokenValues()];
        double rounding = 0;
        double square = 0;
        for (int t = 0; t < 40; t++) {
            float most = 0;
            for (int i = t * WIDTH; i < (t + 1) * WIDTH; i++) {
                tokens[i] = (float) random.nextGaussian();
                most = Math.max(most, Math.abs(tokens[i]));
                square += (double) tokens[i] * tokens[i];
            }
            rounding += WIDTH * Math.pow(most / 127, 2) / 12; // variance of a number rounded to multiples of the scale
        }
        shard.add(new PreparedSample("a", 0, new float[2], null, tokens));

        // 1,920 rounding errors: their sum of squares is within 10 % of its mean by more than four deviations
        assertThat(shard.tokenError().relative()).isCloseTo(Math.sqrt(rounding / square), within(1e-3));
        assertThat(shard.tokenError().relative() / Math.sqrt(rounding / square)).isBetween(0.9, 1.1);
        assertThat(shard.tokenError().worstCosine()).isBetween(0.9995, 1.0);
    }
}
