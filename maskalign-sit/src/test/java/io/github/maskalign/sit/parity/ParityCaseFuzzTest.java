package io.github.maskalign.sit.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.internal.StrictJson;
import io.github.maskalign.core.fuzz.Bytes;
import io.github.maskalign.core.fuzz.Fuzz;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.parity.internal.ParityConfig;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged parity cases are computed or refused with the one documented exception. */
class ParityCaseFuzzTest {
    private static final String CONFIG = "{\"input_size\":2,\"patch_size\":1,\"in_channels\":1,\"hidden_size\":4,"
            + "\"depth\":1,\"num_heads\":1,\"num_classes\":2,\"mlp_ratio\":1.0,\"cls_dim\":0,\"encoder_depth\":1,"
            + "\"projector_dim\":4,\"z_dims\":[],\"mixer_layers\":0}";
    private static final Pattern NUMBER = Pattern.compile("\\d+");
    private static final List<String> NUMBERS = List.of(
            "0", "1", "2", "3", "8", "16", "255", "65536", "2147483647", "4294967296", "9223372036854775807", "-1");

    @TempDir
    Path folder;

    @Test
    void modelsThatTheFileDoesNotHoldAreNotBuilt() throws Exception {
        for (String huge : List.of(
                CONFIG.replace("\"hidden_size\":4", "\"hidden_size\":65536"),
                CONFIG.replace("\"input_size\":2", "\"input_size\":2048"),
                CONFIG.replace("\"num_classes\":2", "\"num_classes\":16000000"))) {
            Path file = Files.write(folder.resolve("x.safetensors"), seed("sit", huge));

            assertThatThrownBy(() -> ParityCase.check(file))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("must have shape")
                    .message()
                    .hasSizeLessThan(8_000);
        }
    }

    @Test
    void configsAreBounded() throws Exception {
        for (String config : List.of(
                "[".repeat(100_000),
                "{\"mixer_layers\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}",
                "{\"mixer_layers\":\"" + "x".repeat(70_000) + "\"}",
                "{\"mixer_layers\":0.5}")) {
            Path file = Files.write(folder.resolve("x.safetensors"), seed("sit", config));

            assertThatThrownBy(() -> ParityCase.check(file))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageStartingWith(file + ": metadata config")
                    .message()
                    .hasSizeLessThan(500);
        }
    }

    @Test
    void damagedCasesAreComputedOrRefused() throws Exception {
        fuzz(2_000);
    }

    @Test
    @Tag("slow")
    void manyDamagedCasesAreComputedOrRefused() throws Exception {
        fuzz(100_000);
    }

    private void fuzz(int count) throws Exception {
        List<byte[]> seeds = List.of(seed("sit", CONFIG), seed("maskalign", CONFIG), seed("sit-official", CONFIG));
        Path file = folder.resolve("x.safetensors");

        int accepted = Fuzz.of(seeds, ParityCaseFuzzTest::mutate, CheckpointFormatException.class)
                .within(64 << 20, 2_000)
                .run(count, input -> {
                    Files.write(file, input);
                    assertThat(ParityCase.check(file).name()).isEqualTo("x");
                });

        assertThat(accepted).isBetween(count / 100, count * 9 / 10);
    }

    /** Half of the damage changes numbers of the header, where the model and all shapes are, and leaves the rest whole. */
    private static byte[] mutate(byte[] seed, Random random) {
        if (random.nextInt(4) == 0) {
            return Bytes.mutate(seed, random);
        }
        int length = (int) ByteBuffer.wrap(seed).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
        String header = new String(seed, 8, length, StandardCharsets.UTF_8);
        List<int[]> numbers = new ArrayList<>();
        Matcher digits = NUMBER.matcher(header);
        while (digits.find()) {
            numbers.add(new int[] {digits.start(), digits.end()});
        }
        int[] chosen = numbers.get(random.nextInt(numbers.size()));
        String other = NUMBERS.get(random.nextInt(NUMBERS.size()));
        byte[] changed = random.nextInt(3) == 0
                ? Bytes.mutate(header.getBytes(StandardCharsets.UTF_8), random)
                : (header.substring(0, chosen[0]) + other + header.substring(chosen[1]))
                        .getBytes(StandardCharsets.UTF_8);
        ByteBuffer out =
                ByteBuffer.allocate(seed.length - length + changed.length).order(ByteOrder.LITTLE_ENDIAN);
        return out.putLong(changed.length)
                .put(changed)
                .put(seed, 8 + length, seed.length - 8 - length)
                .array();
    }

    /** A case without gradients, whose outputs are wrong: only whether it can be computed matters. */
    private byte[] seed(String family, String config) throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            SiTConfig model = ParityConfig.of(StrictJson.parse(folder, "config", CONFIG));
            if (family.equals("sit-official")) {
                model = model.withOptions(
                        model.model().mlpRatio(),
                        model.model().classDropoutProb(),
                        model.model().qkNorm(),
                        true);
            }
            Map<String, NDArray> arrays = new LinkedHashMap<>();
            ParameterKeys.of(new SiT(model))
                    .forEach((key, parameter) -> arrays.put("weights/" + key, manager.ones(parameter.getShape())));
            arrays.put("inputs/x", manager.ones(new Shape(1, 1, 2, 2)));
            arrays.put("inputs/t", manager.ones(new Shape(1)).mul(0.5f));
            arrays.put("inputs/y", manager.ones(new Shape(1), DataType.INT64));
            if (family.equals("maskalign")) {
                arrays.put("inputs/keep", manager.create(new long[] {0, 2}, new Shape(1, 2)));
            }
            arrays.put(
                    "outputs/v",
                    manager.zeros(
                            new Shape(family.equals("maskalign") ? new long[] {1, 2, 1} : new long[] {1, 1, 2, 2})));
            Path out = folder.resolve("seed.safetensors");
            SafetensorsWriter.write(out, StateDict.of(arrays), Map.of("family", family, "config", config));
            return Files.readAllBytes(out);
        }
    }
}
