package io.github.maskalign.core.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateDictTest {
    @TempDir
    Path folder;

    private static TensorSource floats(float... values) {
        return TensorSource.of(new Shape(values.length), values);
    }

    @Test
    void allMismatchesAreReportedAtOnce() throws Exception {
        Path file = folder.resolve("model.safetensors");
        SafetensorsWriter.write(
                file, StateDict.ofTensors(Map.of("a", floats(1), "b", floats(1, 2), "old.c", floats(3))), Map.of());
        Map<String, Shape> expected = new LinkedHashMap<>();
        expected.put("a", new Shape(1));
        expected.put("b", new Shape(2, 1));
        expected.put("d", new Shape(4, 4));
        expected.put("e", new Shape());

        try (SafetensorsFile f = SafetensorsFile.open(file)) {
            CheckpointFormatException e = catchThrowableOfType(
                    CheckpointFormatException.class, () -> f.stateDict().require(expected));

            assertThat(e.problems())
                    .containsExactly(
                            "\"b\" must have shape (2, 1) but has (2)",
                            "\"d\" with shape (4, 4) is missing",
                            "\"e\" with shape () is missing",
                            "\"old.c\" with shape (1) is unexpected");
            assertThat(e).hasMessageStartingWith(file + ": 4 problems\n  - \"b\" must have shape");
            assertThat(f.stateDict().require(f.stateDict().shapes()).keys()).containsExactly("a", "b", "old.c");
        }
    }

    @Test
    void messageOfHundredsOfMismatchesIsShortened() {
        Map<String, Shape> expected = new LinkedHashMap<>();
        for (int i = 0; i < 300; i++) {
            expected.put("k" + i, new Shape(1));
        }

        CheckpointFormatException e = catchThrowableOfType(
                CheckpointFormatException.class,
                () -> StateDict.ofTensors(Map.of()).require(expected));

        assertThat(e.problems()).hasSize(300);
        assertThat(e.getMessage()).endsWith("\n  - and 250 more");
    }

    @Test
    void orderAndPrefixesAreKept() throws Exception {
        Map<String, TensorSource> tensors = new LinkedHashMap<>();
        tensors.put("z", floats(1));
        tensors.put("a", floats(2));
        StateDict model = StateDict.ofTensors(tensors);
        Map<String, TensorSource> both = new LinkedHashMap<>();
        tensors.forEach((key, tensor) -> both.put("model." + key, tensor));
        Map<String, TensorSource> averages = new LinkedHashMap<>();
        tensors.forEach((key, tensor) -> averages.put("ema." + key, tensor));
        StateDict all = StateDict.ofTensors(both).plus(StateDict.ofTensors(averages));

        assertThat(all.keys()).containsExactly("model.z", "model.a", "ema.z", "ema.a");
        assertThat(all.under("ema.").keys()).containsExactly("z", "a");
        assertThat(all.under("ema.").get("a").floats()).containsExactly(2f);
        assertThatThrownBy(() -> all.plus(all))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("both state dicts have the key \"model.z\"");
        assertThatThrownBy(() -> all.get("x")).isInstanceOf(CheckpointFormatException.class);
        tensors.clear();
        assertThat(model.size()).isEqualTo(2);
    }

    @Test
    void arraysAreReadWhenTheyAreUsed() throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray array = manager.zeros(new Shape(2));
            StateDict state = StateDict.of(Map.of("a", array));
            array.addi(3);

            assertThat(state.get("a").floats()).containsExactly(3, 3);
            assertThat(state.read(manager).get("a").toFloatArray()).containsExactly(3, 3);
        }
    }

    @Test
    void copyingConvertsToTheTypeOfTheArray() throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            StateDict source = StateDict.of(Map.of(
                    "half", manager.create(new float[] {1.5f, -2}).toType(DataType.FLOAT16, false),
                    "double", manager.create(new double[] {0.1, 2}),
                    "int", manager.create(new int[] {7, -8}),
                    "bool", manager.create(new boolean[] {true, false})));
            Map<String, NDArray> targets = Map.of(
                    "half", manager.zeros(new Shape(2)),
                    "double", manager.zeros(new Shape(2)),
                    "int", manager.zeros(new Shape(2), DataType.INT64),
                    "bool", manager.zeros(new Shape(2), DataType.BOOLEAN));

            source.copyTo(targets);

            assertThat(targets.get("half").toFloatArray()).containsExactly(1.5f, -2f);
            assertThat(targets.get("double").toFloatArray()).containsExactly(0.1f, 2f);
            assertThat(targets.get("int").toLongArray()).containsExactly(7, -8);
            assertThat(targets.get("bool").toBooleanArray()).containsExactly(true, false);
        }
    }

    @Test
    void nothingIsCopiedWhenOneTensorDoesNotFit() {
        try (NDManager manager = NDManager.newBaseManager()) {
            Map<String, TensorSource> tensors = new LinkedHashMap<>();
            tensors.put("a", floats(1));
            tensors.put("b", TensorSource.of(new Shape(1), new long[] {2}));
            StateDict source = StateDict.ofTensors(tensors);
            Map<String, NDArray> targets = new LinkedHashMap<>();
            targets.put("a", manager.zeros(new Shape(1)));
            targets.put("b", manager.zeros(new Shape(1)));

            assertThatThrownBy(() -> source.copyTo(targets))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("has type I64 but the array has float32");
            targets.put("b", manager.zeros(new Shape(2), DataType.INT64));
            assertThatThrownBy(() -> source.copyTo(targets)).isInstanceOf(CheckpointFormatException.class);
            targets.remove("b");
            assertThatThrownBy(() -> source.copyTo(targets)).hasMessageContaining("unexpected");

            assertThat(targets.get("a").toFloatArray()).containsExactly(0f);
        }
    }
}
