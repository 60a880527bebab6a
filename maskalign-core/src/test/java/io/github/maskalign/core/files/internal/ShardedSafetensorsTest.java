package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.fuzz.Bytes;
import io.github.maskalign.core.fuzz.Fuzz;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ShardedSafetensorsTest {
    private static final String INDEX = "{\"metadata\":{\"total_size\":16,\"ratio\":0.5,\"tied\":true,\"note\":\"n\"},"
            + "\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\",\"c\":\"1.safetensors\"}}";

    @TempDir
    Path folder;

    @BeforeEach
    void writeShards() throws Exception {
        write(
                "1.safetensors",
                Map.of(
                        "a",
                        TensorSource.of(new Shape(1), new float[] {1}),
                        "c",
                        TensorSource.of(new Shape(1), new float[] {3})));
        write("2.safetensors", Map.of("b", TensorSource.of(new Shape(2), new float[] {2, 2})));
    }

    private void write(String name, Map<String, TensorSource> tensors) throws Exception {
        SafetensorsWriter.write(folder.resolve(name), StateDict.ofTensors(tensors), Map.of());
    }

    private Path index(String text) throws Exception {
        return Files.writeString(folder.resolve("x.safetensors.index.json"), text);
    }

    @Test
    void tensorsComeInTheOrderOfTheIndex() throws Exception {
        Path index = index(INDEX);
        try (ShardedSafetensors shards = ShardedSafetensors.open(index)) {
            assertThat(shards.path()).isEqualTo(index);
            assertThat(shards.stateDict().keys()).containsExactly("a", "b", "c");
            assertThat(shards.stateDict().get("b").floats()).containsExactly(2, 2);
            assertThat(shards.metadata())
                    .containsOnly(
                            Map.entry("total_size", "16"),
                            Map.entry("ratio", "0.5"),
                            Map.entry("tied", "true"),
                            Map.entry("note", "n"));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../1.safetensors",
                "/etc/1.safetensors",
                "sub/1.safetensors",
                "sub\\\\1.safetensors",
                "C:1.safetensors",
                "..",
                "1.safetensors\\u0000",
                "1.pt",
                ""
            })
    void nameOutsideOfTheFolderIsRefused(String name) throws Exception {
        Path index = index("{\"weight_map\":{\"a\":\"" + name + "\"}}");

        assertThatThrownBy(() -> ShardedSafetensors.open(index))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("weight_map \"a\" must name a .safetensors file of the index's folder");
    }

    static Stream<Arguments> mistakes() {
        return Stream.of(
                Arguments.of("{}", "must have a weight_map"),
                Arguments.of("[]", "must be an object but is an array"),
                Arguments.of("{\"weight_map\":{},\"x\":1}", "unknown field \"x\""),
                Arguments.of("{\"weight_map\":{\"a\":1}}", "must be a string but is a number"),
                Arguments.of("{\"weight_map\":{\"a\":\"3.safetensors\"}}", "no such file beside it"),
                Arguments.of("{\"weight_map\":{\"a\":\"1.safetensors\",\"a\":\"1.safetensors\"}}", "key \"a\" twice"),
                Arguments.of("{\"metadata\":{\"x\":{}},\"weight_map\":{}}", "must be a string but is an object"),
                Arguments.of(
                        "{\"weight_map\":{\"a\":\"1.safetensors\"}}",
                        "\"c\" is in 1.safetensors but the index puts it in no file"),
                Arguments.of(
                        "{\"weight_map\":{\"a\":\"1.safetensors\",\"c\":\"1.safetensors\",\"b\":\"1.safetensors\"}}",
                        "\"b\" is not in 1.safetensors"),
                Arguments.of(
                        "{\"weight_map\":{\"a\":\"1.safetensors\",\"c\":\"2.safetensors\",\"b\":\"2.safetensors\"}}",
                        "\"c\" is in 1.safetensors but the index puts it in 2.safetensors"));
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void mistakeIsNamed(String text, String reason) throws Exception {
        Path index = index(text);

        assertThatThrownBy(() -> ShardedSafetensors.open(index))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageStartingWith(index + ": ")
                .hasMessageContaining(reason);
    }

    @Test
    void damagedIndexesAreReadOrRefused() {
        fuzz(2_000);
    }

    @Test
    @Tag("slow")
    void manyDamagedIndexesAreReadOrRefused() {
        fuzz(100_000);
    }

    private void fuzz(int count) {
        int accepted = Fuzz.of(
                        List.of(INDEX.getBytes(StandardCharsets.UTF_8)), Bytes::mutate, CheckpointFormatException.class)
                .run(count, bytes -> {
                    Path index = Files.write(folder.resolve("x.safetensors.index.json"), bytes);
                    try (ShardedSafetensors shards = ShardedSafetensors.open(index)) {
                        assertThat(shards.stateDict().size()).isLessThanOrEqualTo(3); // the damage may drop a file
                    }
                });

        assertThat(accepted).isBetween(count / 100, count / 2); // only the texts of the metadata may change
    }
}
