package io.github.maskalign.core.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.evaluate.Evaluation.Reference;
import io.github.maskalign.core.evaluate.internal.FeatureMatrix;
import io.github.maskalign.core.evaluate.internal.FeatureStatistics;
import io.github.maskalign.core.evaluate.internal.Rows;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.NpzFile;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.fuzz.Bytes;
import io.github.maskalign.core.fuzz.Fuzz;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReferenceFileTest {
    @TempDir
    private Path folder;

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void safetensorsKeepsEverything() throws IOException {
        Reference written = reference();
        Path file = folder.resolve("reference.safetensors");

        ReferenceFile.write(file, written, Map.of("source", "drawings"));
        Reference read = ReferenceFile.read(manager, file);

        assertThat(read.identity()).isEqualTo("space/1");
        assertThat(read.pictures()).isEqualTo(70);
        assertThat(read.resolution()).isEqualTo("32x32");
        assertThat(read.pooled()).isEqualTo(written.pooled());
        assertThat(read.spatial()).isEqualTo(written.spatial());
        FeatureMatrix rows = Objects.requireNonNull(read.rows());
        assertThat(rows.size()).isEqualTo(1201);
        assertThat(rows.values(0))
                .isEqualTo(Objects.requireNonNull(written.rows()).values(0));
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            assertThat(opened.metadata()).containsEntry("source", "drawings");
        }
    }

    @Test
    void npzKeepsTheStatisticsUnderAdmsNames() throws IOException {
        Reference written = reference();
        Path file = folder.resolve("reference.npz");

        ReferenceFile.write(file, written, Map.of());
        Reference read = ReferenceFile.read(manager, file);

        try (NpzFile npz = NpzFile.open(file)) {
            assertThat(npz.names()).containsExactly("mu", "sigma", "mu_s", "sigma_s");
        }
        assertThat(read.identity()).isEmpty();
        assertThat(read.pictures()).isZero();
        assertThat(read.rows()).isNull();
        assertThat(Objects.requireNonNull(read.pooled()).mean())
                .isEqualTo(Objects.requireNonNull(written.pooled()).mean());
        assertThat(Objects.requireNonNull(read.spatial()).covariance())
                .isEqualTo(Objects.requireNonNull(written.spatial()).covariance());
    }

    @Test
    void float32StatisticsAreRead() throws IOException {
        Path file = write(
                Map.of(
                        "mu", TensorSource.of(new Shape(2), new float[] {0.1f, 2}),
                        "sigma", TensorSource.of(new Shape(2, 2), new float[] {1, 0.5f, 0.5f, 2})),
                Map.of());

        FeatureStatistics found =
                Objects.requireNonNull(ReferenceFile.read(manager, file).pooled());

        assertThat(found.mean()).containsExactly(0.1f, 2);
        assertThat(found.covariance()).containsExactly(1, 0.5, 0.5, 2);
    }

    @Test
    void filesThatHoldNoStatisticsAreRefused() throws IOException {
        TensorSource two = TensorSource.of(new Shape(2), new float[] {0, 1});
        TensorSource matrix = TensorSource.of(new Shape(2, 2), new float[] {1, 0, 0, 2});
        TensorSource whole = TensorSource.of(new Shape(2), new long[] {1, 2});

        refuses(Map.of("weights", two), Map.of(), "holds no statistics: there is no mu and sigma");
        refuses(Map.of("mu", two), Map.of(), "there is no \"sigma\" beside its mu");
        refuses(Map.of("sigma", matrix), Map.of(), "there is no \"mu\" beside its sigma");
        refuses(Map.of("mu", two, "sigma", two), Map.of(), "sigma must have shape (2, 2) but has (2)");
        refuses(Map.of("mu", matrix, "sigma", matrix), Map.of(), "mu must have shape (D) but has (2, 2)");
        refuses(Map.of("mu", whole, "sigma", matrix), Map.of(), "must be floating-point numbers but is I64");
        refuses(
                Map.of("mu", TensorSource.of(new Shape(2), new float[] {0, Float.NaN}), "sigma", matrix),
                Map.of(),
                "mu and sigma: the mean of features must be finite but number 1 is NaN");
        refuses(
                Map.of("mu", two, "sigma", TensorSource.of(new Shape(2, 2), new float[] {1, 1, 0, 1})),
                Map.of(),
                "a covariance must be symmetric");
        refuses(Map.of("mu", two, "sigma", matrix), Map.of("pictures", "many"), "pictures must be a number");
        refuses(
                Map.of("mu", two, "sigma", matrix, "features", TensorSource.of(new Shape(1, 3), new float[3])),
                Map.of(),
                "features have 3 columns but mu has 2");
        refuses(
                Map.of("mu", two, "sigma", matrix, "features", TensorSource.of(new Shape(1, 2), new float[] {
                    1, Float.NaN
                })),
                Map.of(),
                "features: features must be finite");
        refuses(Map.of("mu", two, "sigma", matrix, "features", two), Map.of(), "features must be F32 of shape (n, D)");
    }

    @Test
    void aReferenceWithoutStatisticsIsNotWritten() {
        Path file = folder.resolve("x.safetensors");

        assertThatThrownBy(() -> ReferenceFile.write(file, new Reference("a", 1, "", null, null, null), Map.of()))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(file).doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(strings = {".npz", ".safetensors"})
    void damagedFilesAreReadOrRefused(String ending) throws IOException {
        fuzz(ending, 2_000);
    }

    @ParameterizedTest
    @ValueSource(strings = {".npz", ".safetensors"})
    @Tag("slow")
    void manyDamagedFilesAreReadOrRefused(String ending) throws IOException {
        fuzz(ending, 100_000);
    }

    private void fuzz(String ending, int count) throws IOException {
        FeatureStatistics small = FeatureStatistics.of(9, new double[] {1, 2}, new double[] {1, 0.5, 0.5, 2});
        FeatureMatrix rows = Rows.matrix(manager, Rows.random(manager, 1, 5, 2, 0), 10);
        List<byte[]> seeds = new ArrayList<>();
        for (Reference reference : List.of(
                new Reference("space/1", 9, "", small, small, rows), new Reference("", 0, "", small, null, null))) {
            Path seed = folder.resolve("seed" + ending);
            ReferenceFile.write(seed, reference, Map.of());
            seeds.add(Files.readAllBytes(seed));
        }
        Path file = folder.resolve("damaged" + ending);

        Fuzz.of(seeds, Bytes::mutate, CheckpointFormatException.class).run(count, input -> {
            Files.write(file, input);
            try (NDManager scratch = manager.newSubManager()) {
                ReferenceFile.read(scratch, file);
            }
        });
    }

    private Reference reference() {
        NDArray pooled = Rows.random(manager, 1, 70, 3, 0);
        NDArray spatial = Rows.random(manager, 2, 70, 5, 0);
        FeatureMatrix rows = Rows.matrix(manager, Rows.random(manager, 3, 1201, 3, 0), 2000);
        return new Reference(
                "space/1", 70, "32x32", Rows.statistics(manager, pooled), Rows.statistics(manager, spatial), rows);
    }

    private Path write(Map<String, TensorSource> tensors, Map<String, String> texts) throws IOException {
        Path file = folder.resolve("some.safetensors");
        SafetensorsWriter.write(file, StateDict.ofTensors(new LinkedHashMap<>(tensors)), texts);
        return file;
    }

    private void refuses(Map<String, TensorSource> tensors, Map<String, String> texts, String message)
            throws IOException {
        Path file = write(tensors, texts);
        assertThatThrownBy(() -> ReferenceFile.read(manager, file))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining(file.toString())
                .hasMessageContaining(message);
    }
}
