package io.github.maskalign.core.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FeatureBasisTest {
    @TempDir
    Path folder;

    /** Two channels that go together, one alone, and one that never changes. */
    @Test
    void componentsAreThoseOfTheCorrelations() {
        try (NDManager manager = NDManager.newBaseManager()) {
            FeatureBasis.Fit fit = new FeatureBasis.Fit(4);
            fit.add(manager.create(new float[] {1, 10, 5, 7, -1, -10, 5, 7}, new Shape(1, 2, 4)));
            fit.add(manager.create(new float[] {1, 10, 7, 7, -1, -10, 7, 7}, new Shape(1, 2, 4)));

            FeatureBasis basis = fit.basis(2, Map.of("of", "a test"));

            assertThat(fit.count()).isEqualTo(4);
            assertThat(basis.facts())
                    .containsEntry("of", "a test")
                    .containsEntry("tokens", "4")
                    .containsEntry("variance_kept", "1.0000");
            NDArray y = basis.reduce(manager.create(new float[] {2, 20, 7, 7}, new Shape(1, 1, 4)));
            float root = (float) Math.sqrt(2);
            assertThat(y.toFloatArray()).containsExactly(new float[] {2 * root, 1}, within(1e-5f));
            assertThat(basis.first(1)
                            .reduce(manager.create(new float[] {2, 20, 7, 7}, new Shape(1, 1, 4)))
                            .toFloatArray())
                    .containsExactly(new float[] {2 * root}, within(1e-5f));
        }
    }

    @Test
    void planesAreRowMajorAndBilinear() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray tokens = manager.create(new float[] {0, 4, 8, 12}, new Shape(1, 4, 1));

            assertThat(FeatureBasis.planes(tokens, 2).toFloatArray()).containsExactly(0, 4, 8, 12);
            assertThat(FeatureBasis.planes(tokens, 4).toFloatArray())
                    .startsWith(0, 1, 3, 4, 2, 3, 5, 6) // corners are not aligned
                    .hasSize(16);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> FeatureBasis.planes(manager.zeros(new Shape(1, 5, 1)), 4))
                    .withMessageContaining("tokens must be (N, G², C)");
        }
    }

    @Test
    void aFileIsReadBackAndWhatIsNoneIsRefused() throws IOException {
        FeatureBasis basis =
                new FeatureBasis(new float[] {1, 2}, new float[] {3, 4}, new float[] {0.6f, 0.8f}, Map.of("of", "x"));
        Path file = folder.resolve(FeatureBasis.FILE);
        basis.write(file);

        FeatureBasis read = FeatureBasis.read(file);
        assertThat(read.identity()).isEqualTo(basis.identity()).hasSize(64);
        assertThat(read.facts()).containsEntry("of", "x");
        assertThat(read.width()).isEqualTo(2);
        assertThat(read.channels()).isEqualTo(1);
        Files.write(file, new byte[] {1, 2, 3});
        assertThatThrownBy(() -> FeatureBasis.read(file)).isInstanceOf(CheckpointFormatException.class);
        SafetensorsWriter.write(
                file, StateDict.ofTensors(Map.of("mean", TensorSource.of(new Shape(1), new float[1]))), Map.of());
        assertThatThrownBy(() -> FeatureBasis.read(file)).hasMessageContaining("it must hold mean, std and components");
        SafetensorsWriter.write(
                file,
                StateDict.ofTensors(Map.of(
                        "mean", TensorSource.of(new Shape(1), new float[1]),
                        "std", TensorSource.of(new Shape(1), new float[1]),
                        "components", TensorSource.of(new Shape(1, 1), new float[] {1}))),
                Map.of());
        assertThatThrownBy(() -> FeatureBasis.read(file))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("deviations above 0");
    }

    @Test
    void whatCannotBeABasisSaysWhy() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new FeatureBasis.Fit(2).basis(1, Map.of()))
                .withMessage("a basis needs at least two tokens but there were 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new FeatureBasis.Fit(2).basis(3, Map.of()))
                .withMessageContaining("1 to 2 channels");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new FeatureBasis(new float[1], new float[] {1}, new float[] {1}, Map.of()).first(2))
                .withMessage("the basis has 1 channels but 2 were asked for");
    }
}
