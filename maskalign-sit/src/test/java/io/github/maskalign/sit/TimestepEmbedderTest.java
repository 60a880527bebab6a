package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.sit.SiTParts.TimestepEmbedder;
import org.junit.jupiter.api.Test;

class TimestepEmbedderTest {
    private static final ScriptFunction FEATURES = ScriptFunction.of(TimestepEmbedder.class, "sit.py", "time_features");

    @Test
    void featuresEqualPyTorch() {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(getClass(), "embeddings", "time", manager);

            NDArray features = FEATURES.callForOne(golden.get("t"));

            // two ulp of numbers below 1: exp, product and cosine each round once
            assertThat(features.toFloatArray())
                    .containsExactly(golden.get("features_f32").toFloatArray(), within(2e-7f));
        }
    }

    @Test
    void cosineComesFirstAndTimeIsNotScaled() {
        try (NDManager manager = NDManager.newBaseManager()) {
            float[] out =
                    FEATURES.callForOne(manager.create(new float[] {0.37f})).toFloatArray();

            assertThat(out[0]).isCloseTo(0.93232733f, within(1e-7f));
            assertThat(out[1]).isCloseTo(0.941308f, within(1e-6f));
            assertThat(out[127]).isCloseTo(1f, within(1e-7f));
            assertThat(out[128]).isCloseTo(0.36161545f, within(1e-7f));
            assertThat(out[129]).isCloseTo(0.33754882f, within(1e-7f));
        }
    }
}
