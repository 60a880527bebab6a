package io.github.maskalign.core.engine.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.script.ScriptFunction;
import org.junit.jupiter.api.Test;

class DeterminismTest {
    private static final ScriptFunction PUT = ScriptFunction.of(DeterminismTest.class, "determinism.py", "put");

    @Test
    void engineRefusesWhatIsNotDeterministicWhileItIsOn() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray x = manager.zeros(new Shape(3));
            NDArray values = manager.ones(new Shape(2));
            NDArray twice = manager.create(new long[] {1, 1}).duplicate();
            assertThat(Determinism.isOn()).isFalse();

            try (Determinism mode = Determinism.on()) {
                assertThat(Determinism.isOn()).isTrue();
                // the winner of two values for one place is nobody's promise
                assertThatThrownBy(() -> PUT.call(x, twice, values))
                        .isInstanceOf(EngineException.class)
                        .hasStackTraceContaining("put_ does not have a deterministic implementation");
                try (Determinism again = Determinism.on()) {
                    assertThat(Determinism.isOn()).isTrue();
                }
                assertThat(Determinism.isOn()).isTrue();
            }

            assertThat(Determinism.isOn()).isFalse();
            assertThat(PUT.callForOne(x, twice, values).toFloatArray()).containsExactly(0, 1, 0);
        }
    }
}
