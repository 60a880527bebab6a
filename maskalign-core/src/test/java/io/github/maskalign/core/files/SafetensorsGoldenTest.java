package io.github.maskalign.core.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.TensorValues.HalfFloat;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files of the reference implementation: read with the right values, and written with the same bytes. */
class SafetensorsGoldenTest {
    private static final float INF = Float.POSITIVE_INFINITY;

    @TempDir
    Path folder;

    private static Path golden(String name) throws Exception {
        URI resource = Objects.requireNonNull(SafetensorsGoldenTest.class.getResource("/golden/safetensors/" + name))
                .toURI();
        return Path.of(resource);
    }

    private static JsonObject manifest() throws Exception {
        return JsonParser.parseString(Files.readString(golden("manifest.json"))).getAsJsonObject();
    }

    @Test
    void fixturesAreAsGenerated() throws Exception {
        JsonObject files = manifest().getAsJsonObject("files");
        assertThat(files.size()).isEqualTo(3);
        for (String name : files.keySet()) {
            assertThat(Digests.sha256(golden(name)))
                    .as("%s changed; run scripts/golden/safetensors_samples.py", name)
                    .isEqualTo(files.getAsJsonObject(name).get("sha256").getAsString());
        }
    }

    @Test
    void valuesOfEveryTypeAreRead() throws Exception {
        try (SafetensorsFile f = SafetensorsFile.open(golden("all-types.safetensors"))) {
            assertThat(f.metadata()).containsExactly(Map.entry("note", "quote \" newline \n tab \t é 漢 😀"));
            assertThat(f.tensors()).hasSize(21);

            assertThat(f.floats("f64")).containsExactly(0f, 1f / 3, 2f / 3, 1f, (float) (4 / 3.), (float) (5 / 3.));
            assertThat(f.floats("f32")).containsExactly(-1f, -0.75f, -0.5f, -0.25f, 0f, 0.25f);
            assertThat(f.tensors().get("f32").shape()).isEqualTo(new Shape(2, 3));
            float[] special = {0f, -0f, 1.5f, -2.25f, INF, -INF, Float.NaN, 6.1e-5f, 0x1p-24f};
            assertThat(f.floats("f32.special")).containsExactly(special);
            float half = 1023 * 0x1p-24f; // 6.1e-5 in binary16
            assertThat(f.floats("f16.special"))
                    .containsExactly(0f, -0f, 1.5f, -2.25f, INF, -INF, Float.NaN, half, 0x1p-24f);
            float brain = 0x1p-14f; // 6.1e-5 in bfloat16
            assertThat(f.floats("bf16.special"))
                    .containsExactly(0f, -0f, 1.5f, -2.25f, INF, -INF, Float.NaN, brain, 0x1p-24f);

            assertThat(f.longs("i64")).containsExactly(Long.MIN_VALUE, -1, 0, Long.MAX_VALUE);
            assertThat(f.longs("i32")).containsExactly(Integer.MIN_VALUE, -1, 0, Integer.MAX_VALUE);
            assertThat(f.longs("i16")).containsExactly(Short.MIN_VALUE, -1, 0, Short.MAX_VALUE);
            assertThat(f.longs("i8")).containsExactly(-128, -1, 0, 127);
            assertThat(f.longs("u8")).containsExactly(0, 1, 127, 128, 255);
            assertThat(f.longs("u16")).containsExactly(0, 1, 65535);
            assertThat(f.longs("u32")).containsExactly(0, 1, 4294967295L);
            assertThat(f.longs("bool")).containsExactly(1, 0, 1);

            assertThat(f.floats("scalar")).containsExactly(3.25f);
            assertThat(f.tensors().get("scalar").shape()).isEqualTo(new Shape());
            assertThat(f.longs("scalar.i64")).containsExactly(7);
            assertThat(f.floats("empty")).isEmpty();
            assertThat(f.floats("empty.3d")).isEmpty();
            assertThat(f.tensors().get("empty.3d").shape()).isEqualTo(new Shape(2, 0, 3));
            assertThat(f.floats("quote \" back \\ tab? é 漢 😀 / end")).containsExactly(42f);
            assertThat(f.floats("")).containsExactly(43f);
        }
    }

    @Test
    void typesWithoutAnArrayAreRefusedAndNamed() throws Exception {
        try (SafetensorsFile f = SafetensorsFile.open(golden("all-types.safetensors"));
                NDManager manager = NDManager.newBaseManager()) {
            for (String name : new String[] {"f8", "u64", "u32", "u16", "i16"}) {
                String type = f.tensors().get(name).type().toString();
                assertThatThrownBy(() -> f.read(name, manager))
                        .isInstanceOf(CheckpointFormatException.class)
                        .hasMessageContainingAll(f.path().toString(), "tensor \"" + name + "\"", "has type " + type);
            }
            assertThatThrownBy(() -> f.floats("i64")).hasMessageContaining("as floats only for F32, F16, BF16 and F64");
            assertThatThrownBy(() -> f.longs("f32")).hasMessageContaining("as integers only for I64");
            assertThatThrownBy(() -> f.longs("u64")).isInstanceOf(CheckpointFormatException.class);
            assertThatThrownBy(() -> f.floats("f8")).isInstanceOf(CheckpointFormatException.class);
        }
    }

    @Test
    void arraysHaveTheTypeAndValuesOfTheFile() throws Exception {
        try (SafetensorsFile f = SafetensorsFile.open(golden("all-types.safetensors"));
                NDManager manager = NDManager.newBaseManager()) {
            Map<String, DataType> types = Map.of(
                    "f64", DataType.FLOAT64,
                    "f32.special", DataType.FLOAT32,
                    "f16.special", DataType.FLOAT16,
                    "bf16.special", DataType.FLOAT32,
                    "i64", DataType.INT64,
                    "i32", DataType.INT32,
                    "i8", DataType.INT8,
                    "u8", DataType.UINT8,
                    "bool", DataType.BOOLEAN);
            for (Map.Entry<String, DataType> t : types.entrySet()) {
                NDArray array = f.read(t.getKey(), manager);
                assertThat(array.getDataType()).isEqualTo(t.getValue());
                assertThat(array.getShape())
                        .isEqualTo(f.tensors().get(t.getKey()).shape());
                if (t.getValue().isFloating()) {
                    assertThat(array.toType(DataType.FLOAT32, false).toFloatArray())
                            .containsExactly(f.floats(t.getKey()));
                } else {
                    assertThat(array.toType(DataType.INT64, false).toLongArray())
                            .containsExactly(f.longs(t.getKey()));
                }
            }
            assertThat(f.read("scalar", manager).getFloat()).isEqualTo(3.25f);
            assertThat(f.read("scalar", manager).getShape().dimension()).isZero();
            assertThat(f.read("empty.3d", manager).getShape()).isEqualTo(new Shape(2, 0, 3));
        }
    }

    @Test
    void rewritingGivesTheSameBytes() throws Exception {
        for (String name : manifest().getAsJsonObject("files").keySet()) {
            Path copy = folder.resolve(name);
            try (SafetensorsFile f = SafetensorsFile.open(golden(name))) {
                SafetensorsWriter.write(copy, f.stateDict(), f.metadata());
            }
            assertThat(copy).hasSameBinaryContentAs(golden(name));
        }
    }

    @Test
    void all65536PatternsWidenLikePyTorch() throws Exception {
        JsonObject expected = manifest().getAsJsonObject("widened");
        for (TensorType type : new TensorType[] {TensorType.F16, TensorType.BF16}) {
            ByteBuffer bits = ByteBuffer.allocate(4 * 65536).order(ByteOrder.LITTLE_ENDIAN);
            for (int pattern = Short.MIN_VALUE; pattern <= Short.MAX_VALUE; pattern++) {
                float value = type == TensorType.F16
                        ? HalfFloat.toFloat((short) pattern)
                        : Float.intBitsToFloat(pattern << 16);
                bits.putInt(Float.floatToIntBits(value)); // one NaN for all
            }
            assertThat(Digests.sha256(bits.array()))
                    .isEqualTo(expected.get(type.name()).getAsString());
        }
    }
}
