package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.harrel.jsonschema.Error;
import dev.harrel.jsonschema.Validator;
import dev.harrel.jsonschema.ValidatorFactory;
import dev.harrel.jsonschema.providers.GsonNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import picocli.CommandLine;

class SchemaCommandTest {
    private static final Path CONFIGS = Path.of("..", "configs");
    private static final URI SCHEMA = URI.create("urn:maskalign:config");

    @Test
    void theFileInConfigsIsTheSchemaOfThisVersion() throws IOException {
        assertThat(CONFIGS.resolve("schema.json"))
                .as("scripts/maskalign schema > configs/schema.json makes it anew")
                .hasContent(schema());
    }

    @Test
    void everyKeyAndEverySectionSaysWhatItMeans() {
        JsonObject properties =
                JsonParser.parseString(schema()).getAsJsonObject().getAsJsonObject("properties");
        assertThat(properties.keySet()).contains("name", "seed", "model", "train", "evaluate");
        properties.asMap().forEach((key, value) -> {
            JsonObject described = value.getAsJsonObject();
            assertThat(described.get("description")).as(key).isNotNull();
            JsonObject inside = described.getAsJsonObject("properties");
            if (inside != null) {
                inside.asMap()
                        .forEach((name, part) -> assertThat(
                                        part.getAsJsonObject().get("description"))
                                .as(key + "." + name)
                                .isNotNull());
            }
        });
    }

    static Stream<Path> trainingConfigs() throws IOException {
        try (Stream<Path> files = Files.list(CONFIGS)) {
            return files
                    .filter(file -> file.toString().endsWith(".yaml"))
                    .filter(file -> !file.endsWith("emoji-32-teacher.yaml"))
                    .filter(file -> !file.endsWith("emoji-64-autoencoder.yaml"))
                    .filter(file -> !file.endsWith("emoji-judge.yaml"))
                    .filter(file -> !file.toString().endsWith("-compressor.yaml"))
                    .sorted()
                    .toList()
                    .stream();
        }
    }

    @ParameterizedTest
    @MethodSource("trainingConfigs")
    void everyConfigOfTheRepositoryIsValid(Path file) throws IOException {
        assertThat(errors(Files.readString(file))).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "lr: 1.0e-3|lr: fast",
                "inputSize: 32|inputSize: 0",
                "lr: 1.0e-3|rate: 1.0e-3",
                "seed: 0|seed: 0.5",
                "kind: EMOJI|kind: emoji",
                "projectorDim: 256|enabled: 1",
                "method: maskalign|method: maskaline",
                "threads: 0|threads: -1",
                "globalBatch: 64|globalBatch: null",
                "sets: [noto,|sets: [1,"
            })
    void aMistakeIsFound(String right, String wrong) throws IOException {
        String config = Files.readString(CONFIGS.resolve("emoji-32.yaml"));
        assertThat(config).contains(right);

        assertThat(errors(config.replace(right, wrong))).isNotEmpty();
    }

    private static List<Error> errors(String yaml) {
        Object config = new Load(LoadSettings.builder().build()).loadFromString(yaml);
        assertThat(config).isInstanceOf(Map.class);
        Validator validator = new ValidatorFactory()
                .withJsonNodeFactory(new GsonNode.Factory())
                .createValidator();
        validator.registerSchema(SCHEMA, schema());
        return validator.validate(SCHEMA, new Gson().toJson(config)).getErrors();
    }

    private static String schema() {
        StringWriter out = new StringWriter();
        CommandLine line = Main.commandLine().setOut(new PrintWriter(out));
        assertThat(line.execute("schema")).isZero();
        return out.toString();
    }
}
