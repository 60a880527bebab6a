package io.github.maskalign.core.script.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.GradMode;
import org.junit.jupiter.api.Test;

class InPlaceTest {
    @Test
    void trainedArraysAndViewsAreOverwrittenWithTheirMemory() {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            NDArray weight = manager.zeros(new Shape(2, 2));
            weight.setRequiresGradient(true);
            NDArray other = manager.zeros(new Shape(2, 3));
            int arrays = manager.getManagedArrays().size();

            InPlace.copy(manager.create(new float[] {1, 2, 3, 4}, new Shape(2, 2)), weight);
            InPlace.copy(manager.ones(new Shape(3, 2)), other.transpose());

            assertThat(weight.toFloatArray()).containsExactly(1, 2, 3, 4);
            assertThat(weight.hasGradient()).isTrue();
            assertThat(other.toFloatArray()).containsOnly(1f);
            assertThat(manager.getManagedArrays()).hasSize(arrays + 3); // the values and the view alone
        }
    }

    @Test
    void valuesThatDoNotFitAreRefused() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray array = manager.zeros(new Shape(2, 2));

            assertThatThrownBy(() -> InPlace.copy(manager.ones(new Shape(2)), array))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("(2, 2)");
            assertThatThrownBy(() -> InPlace.copy(new NDList(array, array), new NDList(array)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("2 arrays of values");
            assertThat(array.toFloatArray()).containsOnly(0f);
        }
    }
}
