package io.github.maskalign.encoders.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.TorchFileWriter;
import io.github.maskalign.core.nn.Precision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Finds the files of a text tower, and says what does not fit. */
class ClipTextFilesTest {
    private static final Path GOLDEN = Path.of("src", "test", "resources", "golden", "clip-text");
    private static final List<String> CAPTIONS = List.of("a photo of a cat", "!");

    @TempDir
    Path folder;

    @Test
    void pipelinesOfDiffusersAreRead() throws Exception {
        copy("plain/config.json", "text_encoder/config.json");
        copy("plain/model.safetensors", "text_encoder/model.safetensors");
        for (String name : List.of("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json")) {
            copy("tokenizers/diffusion-2/" + name, "tokenizer/" + name);
        }

        try (ClipTextEncoder whole = open(folder);
                ClipTextEncoder part = open(folder.resolve("text_encoder"))) {
            // this tokenizer fills up with !
            assertThat(whole.tokenizer().padId()).isZero();
            assertThat(tokens(part)).isEqualTo(tokens(whole));
        }
    }

    @Test
    void secondTextEncoderHasTheSecondTokenizer() throws Exception {
        copyModel("plain", "text_encoder_2");
        Files.delete(folder.resolve("text_encoder_2/tokenizer.json"));
        Files.delete(folder.resolve("text_encoder_2/tokenizer_config.json"));
        copy("tokenizers/older/tokenizer.json", "tokenizer_2/tokenizer.json");

        try (ClipTextEncoder encoder = open(folder.resolve("text_encoder_2"))) {
            assertThat(encoder.tokenizer().padId()).isEqualTo(713);
        }
    }

    @Test
    void olderNamesAndPyTorchFilesAreRead() throws Exception {
        copyModel("plain", ".");
        Path file = folder.resolve("model.safetensors");
        float[] before;
        try (ClipTextEncoder encoder = open(folder);
                SafetensorsFile weights = SafetensorsFile.open(file)) {
            before = tokens(encoder);
            Map<String, TensorSource> renamed = new LinkedHashMap<>();
            weights.stateDict().tensors().forEach((key, tensor) -> renamed.put("text_model." + key, tensor));
            renamed.put("text_model.embeddings.position_ids", TensorSource.of(new Shape(1, 2), new long[] {0, 1}));
            TorchFileWriter.write(folder.resolve("pytorch_model.bin"), StateDict.ofTensors(renamed));
        }
        Files.delete(file);

        try (ClipTextEncoder encoder = open(folder)) {
            assertThat(tokens(encoder)).isEqualTo(before);
            assertThat(encoder.file()).isEqualTo(folder.resolve("pytorch_model.bin"));
        }
    }

    @Test
    void publishedSizesHaveTheirNumberOfParameters() {
        // CLIPTextModel's count with the configs of openai/clip-vit-large-patch14 and clip-vit-base-patch32
        assertThat(parameters(new ClipTextConfig(49408, 77, 768, 3072, 12, 12, true, 1e-5, 2)))
                .isEqualTo(123_060_480);
        assertThat(parameters(new ClipTextConfig(49408, 77, 512, 2048, 12, 8, true, 1e-5, 2)))
                .isEqualTo(63_165_952);
    }

    @Test
    void weightsThatDoNotFitAreAllNamed() throws Exception {
        copyModel("projection", ".");
        Path file = folder.resolve("model.safetensors");
        Map<String, TensorSource> tensors = new LinkedHashMap<>();
        try (SafetensorsFile good = SafetensorsFile.open(GOLDEN.resolve("projection/model.safetensors"))) {
            tensors.putAll(good.stateDict().tensors());
            tensors.remove("text_model.final_layer_norm.bias");
            tensors.put("text_model.encoder.layers.0.mlp.fc1.bias", TensorSource.of(new Shape(2), new float[2]));
            tensors.put("extra", TensorSource.of(new Shape(1), new float[1]));
            SafetensorsWriter.write(file, StateDict.ofTensors(tensors), Map.of());
        }

        refused()
                .hasMessageContaining(file.toString())
                .hasMessageContaining("\"text_model.final_layer_norm.bias\" with shape (24) is missing")
                .hasMessageContaining("\"text_model.encoder.layers.0.mlp.fc1.bias\" must have shape (40) but has (2)")
                .hasMessageContaining("\"extra\" with shape (1) is unexpected");
    }

    @Test
    void projectionOfAnotherRankIsRefused() throws Exception {
        copyModel("projection", ".");
        try (SafetensorsFile good = SafetensorsFile.open(GOLDEN.resolve("projection/model.safetensors"))) {
            Map<String, TensorSource> tensors =
                    new LinkedHashMap<>(good.stateDict().tensors());
            tensors.put("text_projection.weight", TensorSource.of(new Shape(24), new float[24]));
            SafetensorsWriter.write(folder.resolve("model.safetensors"), StateDict.ofTensors(tensors), Map.of());
        }

        refused().hasMessageContaining("\"text_projection.weight\" must be a matrix (P, 24) but has shape (24)");
    }

    @Test
    void tokenizersThatDoNotFitAreRefused() throws Exception {
        copyModel("plain", ".");
        copy("tokenizers/extended/tokenizer.json", "tokenizer.json");
        refused().hasMessageContaining("must have ids below 714, the model's vocab_size, but has 715");

        copy("tokenizers/current/tokenizer.json", "tokenizer.json");
        changeConfig("eos_token_id", "5");
        refused().hasMessageContaining("must have the id 5, the model's eos_token_id, but has 713");
    }

    @Test
    void configsOfOtherModelsAreRefused() throws Exception {
        copyModel("plain", ".");
        changeConfig("model_type", "\"bert\"");
        changeConfig("hidden_act", "\"relu\"");
        changeConfig("hidden_size", "25.5");
        changeConfig("num_attention_heads", "-3");
        changeConfig("layer_norm_eps", "\"small\"");

        refused()
                .hasMessageContaining("config.json: 5 problems")
                .hasMessageContaining("model_type must be \"clip_text_model\" or \"clip\" but is \"\"bert\"\"")
                .hasMessageContaining("hidden_act must be \"quick_gelu\" or \"gelu\" or null")
                .hasMessageContaining("hidden_size must be a whole number from 1 to 16384 but is \"25.5\"")
                .hasMessageContaining("num_attention_heads must be a whole number from 1 to 1024 but is \"-3\"")
                .hasMessageContaining("layer_norm_eps must be a number above 0 and below 1");
    }

    @Test
    void headsMustDivideTheWidth() throws Exception {
        copyModel("plain", ".");
        changeConfig("num_attention_heads", "5");

        refused().hasMessageContaining("width must be a multiple of the 5 heads but was 24");
    }

    @Test
    void otherTowersOfOpenClipAreRefused() throws Exception {
        copyModel("open-clip", ".");
        Path file = folder.resolve("open_clip_config.json");
        Files.writeString(
                file,
                Files.readString(file)
                        .replace(
                                "\"heads\": 4",
                                "\"heads\": 4, \"hf_model_name\": \"roberta-base\", \"pool_type\": \"last\""));

        refused().hasMessageContaining("hf_model_name must be").hasMessageContaining("pool_type must be");
    }

    @Test
    void olderConfigsOfWholeModelsHaveASecondTextPart() throws Exception {
        Files.writeString(
                folder.resolve("config.json"),
                "{\"model_type\": \"clip\", \"text_config\": {\"hidden_size\": 512, \"eos_token_id\": 2},"
                        + " \"text_config_dict\": {\"hidden_size\": 768, \"num_attention_heads\": 12}}");

        assertThat(ClipTextConfig.read(folder))
                .isEqualTo(new ClipTextConfig(49408, 77, 768, 2048, 12, 12, true, 1e-5, 2));
    }

    @Test
    void missingWeightsAreToldWithTheNamesLookedFor() throws Exception {
        copyModel("plain", ".");
        Files.delete(folder.resolve("model.safetensors"));

        refused().hasMessageContaining("has none of the files [model.safetensors,");
    }

    private static long parameters(ClipTextConfig config) {
        return new ClipTextTower(config, 0, Precision.FLOAT32)
                .getParameters().values().stream()
                        .mapToLong(p -> p.getShape().size())
                        .sum();
    }

    private static ClipTextEncoder open(Path folder) throws IOException {
        return ClipTextEncoder.open(folder, Engine.getInstance().defaultDevice(), Precision.FLOAT32);
    }

    private static float[] tokens(ClipTextEncoder encoder) {
        try (NDManager manager = NDManager.newBaseManager()) {
            return encoder.encode(manager, CAPTIONS).tokens().toFloatArray();
        }
    }

    private AbstractThrowableAssert<?, ?> refused() {
        return assertThatThrownBy(() -> open(folder).close()).isInstanceOf(CheckpointFormatException.class);
    }

    private void changeConfig(String key, String value) throws IOException {
        Path file = folder.resolve("config.json");
        JsonObject json = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
        json.add(key, JsonParser.parseString(value));
        Files.writeString(file, json.toString());
    }

    private void copyModel(String name, String to) throws IOException {
        try (Stream<Path> files = Files.list(GOLDEN.resolve(name))) {
            for (Path file : files.toList()) {
                copy(name + "/" + file.getFileName(), to + "/" + file.getFileName());
            }
        }
    }

    private void copy(String from, String to) throws IOException {
        Path target = folder.resolve(to);
        Files.createDirectories(target.getParent());
        Files.write(target, Files.readAllBytes(GOLDEN.resolve(from)));
    }
}
