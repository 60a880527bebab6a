package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.io.SafetensorsFile;
import io.github.maskalign.core.io.SafetensorsWriter;
import io.github.maskalign.core.io.StateDict;
import io.github.maskalign.core.io.TensorSource;
import io.github.maskalign.core.io.TensorType;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.torchfile.WeightsFile;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** inspect, convert, sample and train on files that PyTorch wrote. */
class WeightsCommandsTest {
    private static final Path FIXTURES = Path.of("../maskalign-sit/src/test/resources/golden/checkpoint");

    @TempDir
    Path folder;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @BeforeEach
    void fixturesAreThere() {
        assertThat(FIXTURES.resolve("repa.pt")).exists();
    }

    @Test
    void inspectListsSectionsFamilyMetadataAndTensors() {
        assertThat(run("inspect", fixture("repa"))).isZero();

        assertThat(out.toString().lines())
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

        assertThat(out.toString()).contains("1.exp_avg ", "family     none: ", "total      1 tensors");
        assertThat(run("inspect", fixture("repa"), "--section", "optimizer")).isEqualTo(2);
        assertThat(err.toString()).contains("optimizer", "opt.state");
        assertThat(run("inspect", fixture("repa"), "--filter", "(")).isEqualTo(2);
        assertThat(err.toString()).contains("--filter is no regular expression");
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

        JsonObject json = JsonParser.parseString(out.toString()).getAsJsonObject();
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
        assertThat(out.toString()).containsPattern("w +F32 +\\(4\\) +16 +1\\.000 +3\\.000 +2\\.000 +1\\.414 +2\n");
    }

    @Test
    void namesInAFileCannotControlTheTerminal() throws IOException {
        Path file = folder.resolve("a.safetensors");
        SafetensorsWriter.write(
                file,
                StateDict.ofTensors(Map.of("w", TensorSource.of(new Shape(1), new float[1]))),
                Map.of("title", "\u001b]0;owned\u0007"));

        assertThat(run("inspect", file.toString())).isZero();

        assertThat(out.toString()).contains("\"\\u001b]0;owned\\u0007\"").doesNotContain("\u001b");
    }

    @ParameterizedTest
    @ValueSource(strings = {"safetensors", "pt", "pth"})
    void convertGoesBetweenFormatsAndBack(String suffix) throws IOException {
        Path first = folder.resolve("a." + suffix);
        Path second = folder.resolve("b.safetensors");

        assertThat(run("convert", fixture("reg"), first.toString(), "--heads", "2"))
                .isZero();
        assertThat(run("convert", first.toString(), second.toString())).isZero();

        assertThat(out.toString().lines()).containsExactly(first.toString(), second.toString());
        assertThat(err.toString())
                .contains("note: read as reg: it has cls_projectors2.weight", "note: written for reg, data-at-0");
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
        assertThat(err.toString()).contains("exists; --force replaces a file");
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
                "reg        | a.safetensors | --family=rag            | --family must be sit, repa, reg",
                "reg        | a.safetensors | --heads=2 --family=repa | repa has no class token",
                "reg        | a.safetensors | --heads=2 --family=redi | --family must be sit, repa, reg, maskalign or sit-official but was redi",
                "irepa-conv | a.safetensors | --heads=2               | leave the projectors out",
                "maskalign  | a.pt          | --heads=2 --family=reg --mixer=refuse | reg has neither mixer",
                "sit-official-c | a.pt      | --heads=2               | the family must be given",
                "reg        | no/a.pt       | --heads=2               | no/a.pt does not exist",
                "nothing    | a.pt          | --heads=2               | file not found"
            })
    void convertSaysWhatIsWrongAndWritesNothing(String in, String name, String options, String message)
            throws IOException {
        String[] words = ("convert " + fixture(in) + " " + folder.resolve(name) + " " + options).split(" ");

        assertThat(run(words)).isEqualTo(2);

        assertThat(err.toString()).contains("error: ").contains(message);
        try (var files = Files.list(folder)) {
            assertThat(files).isEmpty();
        }
    }

    @Test
    void sampleDrawsFromAFileOfWeights() throws IOException {
        Path file = pixelModel("pixels.safetensors");

        assertThat(run("sample", file.toString(), "--heads=2", "--num=3", "--steps=2", "--sampler=heun", "--scale=1"))
                .isZero();

        Path grid = folder.resolve("samples-0.png");
        assertThat(out.toString().strip()).isEqualTo(grid.toString());
        assertThat(ImageIO.read(grid.toFile()).getWidth()).isGreaterThanOrEqualTo(16);
    }

    @Test
    void outWithoutPngIsAFolderOfSinglePictures() throws IOException {
        String file = pixelModel("pixels.safetensors").toString();
        Path pictures = folder.resolve("pictures");

        assertThat(run("sample", file, "--heads=2", "--num=3", "--steps=2", "--out=" + pictures))
                .as(err.toString())
                .isZero();

        assertThat(pictures.resolve("000002.png")).exists();
        assertThat(run("sample", file, "--heads=2", "--out=" + pictures, "--folder=" + folder))
                .isEqualTo(2);
        assertThat(err.toString()).contains("give one of --out, --folder and --latents");
    }

    @Test
    void picturesOfOtherWeightsAreNotTakenForDone() throws IOException {
        Path file = pixelModel("pixels.safetensors");
        Path pictures = folder.resolve("pictures");
        String[] words = {"sample", file.toString(), "--heads=2", "--num=2", "--steps=2", "--folder=" + pictures};
        assertThat(run(words)).isZero();
        assertThat(run(words)).isZero();

        pixelModel("pixels.safetensors"); // as a run that goes on replaces its newest weights

        assertThat(run(words)).isEqualTo(2);
        assertThat(err.toString()).contains("it holds pictures made with weights_sha256", "choose another folder");
    }

    @Test
    void picturesOfUnknownOriginAreNotTakenForDone() throws IOException {
        Path file = pixelModel("pixels.safetensors");
        Path pictures = Files.createDirectories(folder.resolve("pictures"));
        Files.writeString(pictures.resolve("000001.png"), "of somebody else");

        assertThat(run("sample", file.toString(), "--heads=2", "--num=2", "--steps=2", "--folder=" + pictures))
                .isEqualTo(2);

        assertThat(err.toString()).contains("it holds 000001.png but no provenance.json");
        assertThat(pictures.resolve("000001.png")).hasContent("of somebody else");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--out=a.png --latents=b.safetensors | give one of --out, --folder and --latents",
                "--folder=a --out=a.png              | give one of --out, --folder and --latents",
                "--labels=1 --balanced               | give either --labels or --balanced, not both",
                "--labels=0,5 --num=1                | --labels must be in [0, 4] but held 5",
                "--latents=src                       | src is a folder; name a file in it",
                "--folder=a --npz=src                | src is a folder; name a file in it",
                "--num=100000000                     | --num must be at most 11184810 here but was 100000000; --folder takes",
                "--out=                              | a path must not be empty",
                "--ema=NaN                           | --ema goes with a run folder"
            })
    void sampleRefusesWhatContradictsItselfBeforeItDraws(String options, String message) throws IOException {
        Path file = pixelModel("pixels.safetensors");

        assertThat(run(("sample " + file + " --heads=2 " + options).split(" "))).isEqualTo(2);

        assertThat(err.toString()).contains("error: ").contains(message).doesNotContain("\tat ");
    }

    @Test
    void samplesOfLatentsAreWrittenAsTensors() throws IOException {
        Path file = folder.resolve("latents.safetensors");

        assertThat(run("sample", fixture("sit-official"), "--heads=2", "--num=3", "--steps=2"))
                .isEqualTo(2);
        assertThat(err.toString()).contains("need a decoder", "--latents FILE");
        assertThat(run(
                        "sample",
                        fixture("sit-official"),
                        "--heads=2",
                        "--num=3",
                        "--steps=2",
                        "--batch=2",
                        "--labels=1,4",
                        "--cfg=1.5",
                        "--latents=" + file))
                .isZero();

        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            assertThat(opened.tensors().get("latents").shape().getShape()).containsExactly(3, 4, 8, 8);
            assertThat(opened.longs("labels")).containsExactly(1, 4, 1);
            for (float value : opened.floats("latents")) {
                assertThat(value).isFinite();
            }
        }
    }

    @Test
    void bothWaysAroundTheTimeAxisGiveTheSameSamples() throws IOException {
        Path folded = folder.resolve("folded.safetensors");
        Path one = folder.resolve("one.safetensors");
        Path two = folder.resolve("two.safetensors");
        assertThat(run("convert", fixture("sit-official"), folded.toString(), "--heads=2", "--fold-time"))
                .isZero();

        assertThat(run("sample", fixture("sit-official"), "--heads=2", "--num=2", "--steps=5", "--latents=" + one))
                .isZero();
        assertThat(run("sample", folded.toString(), "--num=2", "--steps=5", "--latents=" + two))
                .isZero();

        try (SafetensorsFile a = SafetensorsFile.open(one);
                SafetensorsFile b = SafetensorsFile.open(two)) {
            float[] expected = a.floats("latents");
            float[] found = b.floats("latents");
            for (int i = 0; i < found.length; i++) {
                // five steps of a model whose velocities agree to 1e-6 of values near 1
                assertThat(found[i]).isCloseTo(expected[i], within(1e-4f));
            }
        }
    }

    @Test
    void precisionOfSamplesCanBeChosen() throws IOException {
        float[] exact = latents("exact");
        float[] rounded = latents("rounded", "--precision=BFLOAT16");

        assertThat(latents("again", "--precision=FLOAT32")).isEqualTo(exact);
        double difference = 0;
        double size = 0;
        for (int i = 0; i < exact.length; i++) {
            difference += Math.pow(rounded[i] - exact[i], 2);
            size += Math.pow(exact[i], 2);
        }
        // bfloat16 has 8 bits: some steps of 2^-9 through two blocks, five times, and not nothing
        assertThat(Math.sqrt(difference / size)).isBetween(1e-5, 0.03);
    }

    private float[] latents(String name, String... options) throws IOException {
        Path file = folder.resolve(name + ".safetensors");
        List<String> arguments = new ArrayList<>(
                List.of("sample", fixture("sit-official"), "--heads=2", "--num=2", "--steps=5", "--latents=" + file));
        arguments.addAll(List.of(options));
        assertThat(run(arguments.toArray(String[]::new))).as(err.toString()).isZero();
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            return opened.floats("latents");
        }
    }

    private Path pixelModel(String name) throws IOException {
        SiTConfig config = SiTConfig.of(8, 2, 3, 16, 2, 2, 5).withAlignment(1, 12, List.of(10));
        Path file = folder.resolve(name);
        try (NDManager manager = NDManager.newBaseManager();
                GradMode editing = GradMode.off()) {
            SiT model = new SiT(config);
            model.initialize(manager);
            for (NDArray weight : Weights.trainable(model)) {
                weight.addi(manager.randomNormal(weight.getShape()).mul(0.1f));
            }
            SafetensorsWriter.write(file, StateDict.of(Weights.of(model)), Map.of());
        }
        return file;
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

    private int run(String... args) {
        CommandLine line = Main.commandLine()
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF));
        return Main.run(line, args);
    }
}
