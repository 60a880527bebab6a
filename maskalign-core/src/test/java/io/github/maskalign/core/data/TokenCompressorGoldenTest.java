package io.github.maskalign.core.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.golden.GoldenCase;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** REGLUE's compressor in use, against a network of PyTorch's own layers. */
class TokenCompressorGoldenTest {
    @TempDir
    Path folder;

    static Stream<String> cases() {
        return GoldenCase.names(TokenCompressorGoldenTest.class, "compressor");
    }

    @ParameterizedTest
    @MethodSource("cases")
    @Tag("bits")
    void tokensAndPlanesAreThoseOfPyTorch(String name) throws IOException {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode values = GradMode.off()) {
            GoldenCase golden = GoldenCase.load(getClass(), "compressor", name, manager);
            FeatureBasis compressor = FeatureBasis.read(file(golden, Map.of()));
            NDArray tokens = golden.get("inputs/tokens");

            NDArray few = compressor.reduce(tokens);

            assertThat(compressor.width()).isEqualTo((int) tokens.getShape().get(2));
            assertThat(compressor.channels())
                    .isEqualTo((int) golden.get("outputs/tokens").getShape().get(2));
            // 1e-5: float32 against float64, three layers
            assertThat(GoldenCase.relativeError(few, golden.get("outputs/tokens")))
                    .isLessThan(1e-5);
            int side = Integer.parseInt(golden.metadata().get("side"));
            assertThat(GoldenCase.relativeError(FeatureBasis.planes(few, side), golden.get("outputs/planes")))
                    .isLessThan(1e-5);
            UnaryOperator<NDArray> placed = compressor.on(manager);
            assertThat(placed.apply(tokens).toFloatArray()).isEqualTo(few.toFloatArray());
            assertThat(placed.apply(tokens).toFloatArray()).isEqualTo(few.toFloatArray());
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void aFileIsWrittenWithoutItsDecoderAndReadBack(String name) throws IOException {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(getClass(), "compressor", name, manager);
            FeatureBasis compressor = FeatureBasis.read(file(golden, Map.of()));
            Path copy = folder.resolve("copy.safetensors");
            compressor.with(Map.of("of", "a test")).write(copy);

            FeatureBasis read = FeatureBasis.read(copy);

            assertThat(read.identity()).isEqualTo(compressor.identity()).hasSize(64);
            assertThat(read.facts()).containsEntry("of", "a test");
            assertThat(read.first(read.channels())).isSameAs(read);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> read.first(1))
                    .withMessageContaining("all of which are needed, but 1 were asked for");
            NDArray moved =
                    golden.get("reduction/encoder.model.1.bn2.running_mean").add(1);
            Path other = file(golden, Map.of("encoder.model.1.bn2.running_mean", TensorSource.of(moved)));
            assertThat(FeatureBasis.read(other).identity()).isNotEqualTo(compressor.identity());
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void aFileOfAnotherNetworkIsRefused(String name) throws IOException {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(getClass(), "compressor", name, manager);

            refused(golden, "encoder.model.3.weight", new Shape(1), "no tensor encoder.model.3.weight");
            refused(golden, "encoder.model.2.weight", new Shape(5), "(C, H, 3, 3)");
            refused(golden, "encoder.model.1.conv1.weight", new Shape(1, 1, 3, 3), "encoder.model.1.conv1.weight");
            refused(golden, "std", new Shape(3), "needs as many means and deviations");
            NDArray negative =
                    golden.get("reduction/encoder.model.1.bn1.running_var").neg();
            assertThatThrownBy(() -> FeatureBasis.read(
                            file(golden, Map.of("encoder.model.1.bn1.running_var", TensorSource.of(negative)))))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("encoder.model.1.bn1.running_var holds -");
        }
    }

    private void refused(GoldenCase golden, String key, Shape shape, String why) {
        Map<String, TensorSource> changed =
                Map.of(key, TensorSource.of(shape, new float[Math.toIntExact(shape.size())]));
        assertThatThrownBy(() -> FeatureBasis.read(file(golden, changed)))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining(why);
    }

    /** The numbers of a case as a file under the names of the official one, as it is saved by several processes. */
    private Path file(GoldenCase golden, Map<String, TensorSource> changes) throws IOException {
        Map<String, TensorSource> tensors = new TreeMap<>();
        golden.under("reduction/").forEach((key, array) -> tensors.put(key, TensorSource.of(array)));
        tensors.putAll(changes);
        tensors.put("encoder.model.1.bn1.num_batches_tracked", TensorSource.of(new Shape(), new long[] {1}));
        Map<String, TensorSource> named = new TreeMap<>();
        tensors.forEach((key, tensor) -> named.put(key.contains(".") ? "module." + key : key, tensor));
        Path file = folder.resolve("compressor.safetensors");
        SafetensorsWriter.write(file, StateDict.ofTensors(named), Map.of());
        return file;
    }
}
