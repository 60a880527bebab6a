package io.github.maskalign.core.engine.internal;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NativeThreadsTest {
    @ParameterizedTest
    @ValueSource(ints = {-1, 0, 1025, 1_000_000})
    void numberThatWouldStopTheMachineIsRefused(int threads) {
        assertThatThrownBy(() -> NativeThreads.set(threads))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("native threads must be in [1, 1024] but was " + threads);
    }
}
