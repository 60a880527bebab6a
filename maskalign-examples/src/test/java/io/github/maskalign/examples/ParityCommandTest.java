package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ParityCommandTest {
    private static final Path SIT = Path.of("..", "maskalign-sit", "src", "test", "resources", "golden");
    private static final Path PICTURES = Path.of(
            "..",
            "maskalign-encoders",
            "src",
            "test",
            "resources",
            "golden",
            "parity_preprocess",
            "pictures.safetensors");

    private final CommandRun command = new CommandRun();

    @TempDir
    Path folder;

    @Test
    void everyKindPrintsItsLine() {
        int exit = command.run(
                "parity",
                SIT.resolve("parity/sit-p2.safetensors"),
                SIT.resolve("parity_kinds/loss-reg.safetensors"),
                SIT.resolve("parity_kinds/sample-sit-euler.safetensors"),
                PICTURES);

        assertThat(exit).as(command.out() + command.err()).isZero();
        String[] lines = command.out().split("\n");
        assertThat(lines).hasSize(4);
        for (String line : lines) {
            JsonObject json = JsonParser.parseString(line).getAsJsonObject();
            assertThat(json.keySet()).containsExactly("case", "max_rel_output", "max_rel_grad", "worst_key", "pass");
            assertThat(json.get("pass").getAsBoolean()).isTrue();
        }
        assertThat(lines[3]).contains("\"case\":\"pictures\"", "\"max_rel_grad\":null");
    }

    /** REPA names encoders; what MAE is given are pictures that were not resized. */
    @Test
    void picturesOfAnotherPreprocessingAreRefused() throws Exception {
        Path renamed = folder.resolve("renamed.safetensors");
        try (SafetensorsFile in = SafetensorsFile.open(PICTURES)) {
            Map<String, TensorSource> tensors =
                    new LinkedHashMap<>(in.stateDict().tensors());
            tensors.remove("clip");
            tensors.put("mae", tensors.remove("dinov2"));
            SafetensorsWriter.write(renamed, StateDict.ofTensors(tensors), in.metadata());
        }

        assertThat(command.run("parity", renamed)).isEqualTo(2);

        assertThat(command.err()).contains("mae must have shape (1, 3, 256, 256) but has (1, 3, 224, 224)");
    }
}
