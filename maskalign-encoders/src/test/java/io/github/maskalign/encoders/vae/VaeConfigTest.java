package io.github.maskalign.encoders.vae;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.fuzz.Fuzz;
import io.github.maskalign.encoders.text.JsonMutation;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Config files that are damaged, or made to hurt; those of other models are in AutoencoderGoldenTest. */
class VaeConfigTest {
    private static final VaeConfig SMALL = new VaeConfig(4, List.of(8, 16), 1, 4, true, false, 0.5);

    @TempDir
    Path folder;

    @Test
    void nestingAndSizeAreBounded() throws Exception {
        refuses("{\"act_fn\": " + "[".repeat(200_000) + "]".repeat(200_000) + "}", "nested at most 64 deep");
        refuses("{\"act_fn\": " + "{\"a\":".repeat(200_000), "nested at most 64 deep");
        refuses("{\"act_fn\": \"" + "x".repeat(70_000) + "\"}", "act_fn must be silu but is \"xxx");
        refuses("{\"down_block_types\": [\"" + "y".repeat(70_000) + "\"]}", "down_block_types must be 0 x Down");
        refuses("{\"" + "z".repeat(500) + "\": 1}", "zzz… is not known to this version");
        refuses("{\"act_fn\": \"\\u001b[2J\"}", "act_fn must be silu but is \"\\u001b[2J\"");
        refuses("{\"act_fn\": silu}", "is not valid JSON: there is a mistake at line 1, column ");
        refuses("{\"block_out_channels\": [" + "8,".repeat(100_000) + "8]}", "whole numbers, at most 8, but is [8,8,");
        refuses("{\"block_out_channels\": [8, 1.5]}", "must be a list of whole numbers, at most 8, but is [8,1.5]");
        refuses("{\"latent_channels\": 1e999}", "latent_channels must be a whole number but is 1e999");
    }

    @Test
    void writtenConfigsAreReadBack() throws Exception {
        Files.writeString(folder.resolve("config.json"), SMALL.toJson());

        assertThat(VaeConfig.read(folder)).isEqualTo(SMALL);
    }

    @Test
    void damagedConfigsAreReadOrRefused() throws Exception {
        fuzz(2_000);
    }

    @Test
    @Tag("slow")
    void manyDamagedConfigsAreReadOrRefused() throws Exception {
        fuzz(100_000);
    }

    private void fuzz(int count) throws Exception {
        List<byte[]> seeds = List.of(
                SMALL.toJson().getBytes(StandardCharsets.UTF_8),
                VaeConfig.STABLE_DIFFUSION.toJson().getBytes(StandardCharsets.UTF_8));

        int accepted = Fuzz.of(seeds, JsonMutation::apply, CheckpointFormatException.class)
                .within(16 << 20, 1_000)
                .run(count, input -> {
                    Files.write(folder.resolve("config.json"), input);
                    try {
                        assertThat(VaeConfig.read(folder).reduction()).isBetween(1, 128);
                    } catch (CheckpointFormatException e) {
                        assertThat(e.getMessage()).hasSizeLessThan(4_000);
                        throw e;
                    }
                });

        assertThat(accepted).isBetween(count / 50, count * 9 / 10);
    }

    private void refuses(String json, String reason) throws Exception {
        Path file = Files.writeString(folder.resolve("config.json"), json);
        assertThatThrownBy(() -> VaeConfig.read(folder))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContaining(reason)
                .message()
                .hasSizeLessThan(1_500)
                .doesNotContainIgnoringCase("gson", "Strictness", "lenient");
    }
}
