package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.WeightsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** inspect and convert on files that PyTorch wrote. */
class WeightsCommandsTest {
    private static final Path FIXTURES = Path.of("../maskalign-sit/src/test/resources/golden/checkpoint");

    @TempDir
    Path folder;

    private final CommandRun command = new CommandRun();

    @BeforeEach
    void fixturesAreThere() {
        assertThat(FIXTURES.resolve("repa.pt")).exists();
    }

    @Test
    void inspectListsSectionsFamilyMetadataAndTensors() {
        assertThat(run("inspect", fixture("repa"))).isZero();

        assertThat(command.out().lines())
                .anyMatch(line -> line.matches("sections +model, ema, opt.state"))
                .anyMatch(line -> line.matches("shown +ema"))
                .anyMatch(line -> line.matches("family +repa: it has projectors.*"))
                .anyMatch(line -> line.matches("steps +400000"))
                .anyMatch(line -> line.matches("blocks.1.mlp.fc1.weight +F32 +\\(64, 16\\) +4,096"))
                .anyMatch(line -> line.matches("total +38 tensors, .*"));
    }

    @Test
    void inspectShowsTheSectionAndTheTensorsAskedFor() {
        assertThat(run("inspect", fixture("repa"), "--section", "opt.state", "--filter", "^1\\.exp_avg$"))
                .isZero();

        assertThat(command.out()).contains("1.exp_avg ", "family     none: ", "total      1 tensors");
        assertThat(run("inspect", fixture("repa"), "--section", "optimizer")).isEqualTo(2);
        assertThat(command.err()).contains("optimizer", "opt.state");
        assertThat(run("inspect", fixture("repa"), "--filter", "(")).isEqualTo(2);
        assertThat(command.err()).contains("--filter is no regular expression");
    }

    @Test
    void inspectPrintsStatisticsAsJson() throws IOException {
        Path file = folder.resolve("a.safetensors");
        SafetensorsWriter.write(
                file,
                StateDict.ofTensors(Map.of(
                        "f", TensorSource.of(new Shape(2, 2), new float[] {1, 2, 3, 6}),
                        "one", TensorSource.of(new Shape(), new float[] {7}),
                        "n", TensorSource.of(new Shape(3), new long[] {-1, 0, 4}))),
                Map.of("note", "x"));

        assertThat(run("inspect", file.toString(), "--stats", "--json")).isZero();

        JsonObject json = JsonParser.parseString(command.out()).getAsJsonObject();
        assertThat(json.get("format").getAsString()).containsIgnoringCase("safetensors");
        assertThat(json.get("family").isJsonNull()).isTrue();
        assertThat(json.getAsJsonObject("metadata").get("note").getAsString()).isEqualTo("x");
        assertThat(json.get("bytes").getAsLong()).isEqualTo(16 + 4 + 24);
        JsonObject f = tensor(json, "f");
        assertThat(f.get("dtype").getAsString()).isEqualTo("F32");
        assertThat(f.get("shape").toString()).isEqualTo("[2,2]");
        assertThat(f.get("mean").getAsDouble()).isEqualTo(3);
        // 14 over N - 1 = 3, as torch.std
        assertThat(f.get("std").getAsDouble()).isEqualTo(Math.sqrt(14.0 / 3));
        assertThat(tensor(json, "one").get("std").isJsonNull()).isTrue();
        assertThat(tensor(json, "n").get("min").getAsDouble()).isEqualTo(-1);
    }

    @Test
    void inspectFailsOnNumbersThatAreNotFinite() throws IOException {
        Path file = folder.resolve("a.safetensors");
        float[] values = {1, Float.NaN, 3, Float.POSITIVE_INFINITY};
        SafetensorsWriter.write(
                file, StateDict.ofTensors(Map.of("w", TensorSource.of(new Shape(4), values))), Map.of());

        assertThat(run("inspect", file.toString())).isZero();
        assertThat(run("inspect", file.toString(), "--stats")).isEqualTo(1);
        assertThat(command.out()).containsPattern("w +F32 +\\(4\\) +16 +1\\.000 +3\\.000 +2\\.000 +1\\.414 +2\n");
    }

    @Test
    void namesInAFileCannotControlTheTerminal() throws IOException {
        Path file = folder.resolve("a.safetensors");
        SafetensorsWriter.write(
                file,
                StateDict.ofTensors(Map.of("w", TensorSource.of(new Shape(1), new float[1]))),
                Map.of("title", "\u001b]0;owned\u0007"));

        assertThat(run("inspect", file.toString())).isZero();

        assertThat(command.out()).contains("\"\\u001b]0;owned\\u0007\"").doesNotContain("\u001b");
    }

    @Test
    void filesFromBeforePyTorch16AreInspectedAndConverted() throws IOException {
        Path samples = Path.of("../maskalign-core/src/test/resources/golden/torchfile");
        String old = samples.resolve("training-stream.pt").toString();
        Path converted = folder.resolve("ema.safetensors");

        assertThat(run("inspect", old)).isZero();
        assertThat(command.out().lines())
                .anyMatch(line ->
                        line.matches("file .*training-stream.pt, PyTorch checkpoint \\(format before 1.6\\), .*"))
                .anyMatch(line -> line.matches("sections +model, ema, opt.state"));
        assertThat(run("convert", old, converted.toString(), "--plain", "--section", "ema"))
                .isZero();

        try (SafetensorsFile found = SafetensorsFile.open(converted);
                SafetensorsFile expected = SafetensorsFile.open(samples.resolve("training-stream.safetensors"))) {
            assertThat(found.tensors()).hasSize(9);
            assertThat(found.floats("0.weight")).isEqualTo(expected.floats("ema|0.weight"));
            assertThat(found.floats("2.running_var")).isEqualTo(expected.floats("ema|2.running_var"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"safetensors", "pt", "pth"})
    void convertGoesBetweenFormatsAndBack(String suffix) throws IOException {
        Path first = folder.resolve("a." + suffix);
        Path second = folder.resolve("b.safetensors");

        assertThat(run("convert", fixture("reg"), first.toString(), "--heads", "2"))
                .isZero();
        assertThat(command.out().strip()).isEqualTo(first.toString());
        assertThat(command.err())
                .contains("note: read as reg: it has cls_projectors2.weight", "note: written for reg, data-at-0");
        assertThat(run("convert", first.toString(), second.toString())).isZero();
        assertThat(command.out().strip()).isEqualTo(second.toString());

        try (WeightsFile original = WeightsFile.open(FIXTURES.resolve("reg.pt"));
                SafetensorsFile found = SafetensorsFile.open(second)) {
            StateDict expected = original.stateDict("ema");
            assertThat(found.tensors().keySet()).containsExactlyInAnyOrderElementsOf(expected.keys());
            for (String key : expected.keys()) {
                assertThat(found.floats(key))
                        .as(key)
                        .isEqualTo(expected.get(key).floats());
            }
            assertThat(found.metadata())
                    .containsEntry("family", "reg")
                    .containsEntry("learn_sigma", "false")
                    .containsEntry("time_convention", "data-at-0")
                    .containsEntry("mixer", "0")
                    .containsEntry("cls", "10")
                    .containsEntry("depth", "2")
                    .containsEntry("step", "400000");
        }
    }

    @Test
    void convertKeepsOrTurnsTheTimeAxis() throws IOException {
        Path kept = folder.resolve("kept.safetensors");
        Path turned = folder.resolve("turned.safetensors");
        Path back = folder.resolve("back.pt");

        assertThat(run("convert", fixture("sit-official"), kept.toString(), "--heads", "2"))
                .isZero();
        assertThat(run("convert", kept.toString(), turned.toString(), "--fold-time"))
                .isZero();
        assertThat(run("convert", turned.toString(), back.toString(), "--family", "sit-official"))
                .isZero();

        assertThat(metadata(kept)).containsEntry("time_convention", "data-at-1").containsEntry("family", "sit");
        assertThat(metadata(turned)).containsEntry("time_convention", "data-at-0");
        assertThat(metadata(back))
                .containsEntry("time_convention", "data-at-1")
                .containsEntry("family", "sit-official")
                .containsEntry("source_family", "sit-official");
    }

    @Test
    void convertRoundsAndWritesBareDicts() throws IOException {
        Path file = folder.resolve("a.pt");

        assertThat(run("convert", fixture("repa"), file.toString(), "--heads=2", "--dtype=bf16", "--bare"))
                .isZero();

        try (WeightsFile opened = WeightsFile.open(file)) {
            assertThat(opened.sections()).containsExactly("");
            assertThat(opened.metadata()).isEmpty();
            assertThat(opened.stateDict().get("blocks.0.attn.qkv.weight").type())
                    .isEqualTo(TensorType.BF16);
        }
    }

    @Test
    void plainConversionTakesAnyFile() throws IOException {
        Path file = folder.resolve("opt.safetensors");

        assertThat(run("convert", fixture("repa"), file.toString(), "--plain", "--section", "opt.state"))
                .isZero();

        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            assertThat(opened.tensors()).containsKeys("1.exp_avg", "1.exp_avg_sq", "1.step");
        }
        assertThat(run("convert", fixture("repa"), folder.resolve("b.pt").toString(), "--plain", "--family", "repa"))
                .isEqualTo(2);
    }

    @Test
    void convertReplacesAFileOnlyIfToldSo() throws IOException {
        Path file = folder.resolve("a.safetensors");
        Files.writeString(file, "precious");

        assertThat(run("convert", fixture("repa"), file.toString(), "--heads", "2"))
                .isEqualTo(2);
        assertThat(command.err()).contains("exists; --force replaces a file");
        assertThat(file).hasContent("precious");
        assertThat(run("convert", fixture("repa"), file.toString())).isEqualTo(2);
        assertThat(run("convert", fixture("repa"), file.toString(), "--force")).isEqualTo(2); // heads are not known
        assertThat(file).hasContent("precious");
        assertThat(run("convert", fixture("repa"), file.toString(), "--heads", "2", "--force"))
                .isZero();
        assertThat(metadata(file)).containsEntry("family", "repa");
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "reg        | a.bin         | --heads=2               | OUT must end in .safetensors, .pt or .pth",
                "reg        | a.safetensors | --from=rag              | --from must be auto or a family but was rag",
                "reg        | a.safetensors | --family=rag            | --family must be sit, repa, reg, maskalign, sit-official, irepa, dit, mdtv2, redi or reglue but was rag",
                "reg        | a.safetensors | --heads=2 --family=repa | repa has no class token",
                "reg        | a.safetensors | --heads=2 --family=redi | weights can be exported as sit, repa, reg, maskalign, sit-official, irepa, dit or mdtv2, and those with features as redi or reglue, but not as redi",
                "irepa-conv | a.safetensors | --heads=2 --family=repa | repa has projectors of linear layers",
                "maskalign  | a.pt          | --heads=2 --family=reg --mixer=refuse | reg has neither mixer",
                "sit-official-c | a.pt      | --heads=2               | the family must be given",
                "reg        | no/a.pt       | --heads=2               | no/a.pt does not exist",
                "nothing    | a.pt          | --heads=2               | file not found"
            })
    void convertSaysWhatIsWrongAndWritesNothing(String in, String name, String options, String message)
            throws IOException {
        Object[] words = ("convert " + fixture(in) + " " + folder.resolve(name) + " " + options).split(" ");

        assertThat(run(words)).isEqualTo(2);

        assertThat(command.err()).contains("error: ").contains(message);
        try (var files = Files.list(folder)) {
            assertThat(files).isEmpty();
        }
    }

    private static Map<String, String> metadata(Path file) throws IOException {
        try (WeightsFile opened = WeightsFile.open(file)) {
            return opened.metadata();
        }
    }

    private static JsonObject tensor(JsonObject json, String name) {
        for (var tensor : json.getAsJsonArray("tensors")) {
            if (tensor.getAsJsonObject().get("name").getAsString().equals(name)) {
                return tensor.getAsJsonObject();
            }
        }
        throw new AssertionError("no " + name + " in " + json);
    }

    private static String fixture(String name) {
        return FIXTURES.resolve(name + ".pt").toString();
    }

    private int run(Object... args) {
        return command.run(args);
    }
}
