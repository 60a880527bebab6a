package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureReader;
import io.github.maskalign.core.image.PictureWriter;
import io.github.maskalign.core.image.PictureWriter.Packing;
import io.github.maskalign.examples.CommandRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Training on a user's own pictures. */
class FolderTrainingTest {
    private static final Path EMOJI = Path.of("..", "configs", "emoji-32.yaml");

    @TempDir
    Path folder;

    private final CommandRun maskalign = new CommandRun();
    private Path pictures;

    @BeforeEach
    void draw() throws IOException {
        pictures = folder.resolve("shapes");
        shapes(pictures, 10);
    }

    /** Red discs and blue squares of several sizes. */
    static void shapes(Path pictures, int each) throws IOException {
        for (int i = 0; i < each; i++) {
            write(pictures.resolve("circle/" + i + ".png"), 20 + i, 24, true);
            write(pictures.resolve("star/" + i + ".png"), 30, 20 + 2 * i, false);
        }
    }

    private static void write(Path file, int width, int height, boolean disc) throws IOException {
        Files.createDirectories(file.getParent());
        byte[] bytes = new byte[3 * width * height];
        for (int k = 0; k < width * height; k++) {
            double x = (k % width + 0.5) / width - 0.5;
            double y = (k / width + 0.5) / height - 0.5;
            boolean inside = disc ? x * x + y * y < 0.15 : Math.max(Math.abs(x), Math.abs(y)) < 0.3;
            bytes[3 * k + (disc ? 0 : 2)] = (byte) (inside ? 220 : 30);
            bytes[3 * k + 1] = (byte) (k % width * 255 / width); // left and right differ
        }
        PictureWriter.write(file, Picture.of(width, height, bytes), Packing.DEFLATED);
    }

    private List<String> options(Path data, Path run, String... more) {
        List<String> options = new ArrayList<>(List.of(
                "train",
                EMOJI.toString(),
                "--out=" + run,
                "--set=data.kind=FOLDER",
                "--set=data.sets=[]",
                "--set=data.path=" + data,
                "--set=data.cache=" + folder.resolve("cache"),
                "--set=model.inputSize=16",
                "--set=model.numClasses=2",
                "--set=model.patchSize=2",
                "--set=model.hiddenSize=24",
                "--set=model.depth=3",
                "--set=model.numHeads=2",
                "--set=align.projectorDim=32",
                "--set=train.globalBatch=4",
                "--set=train.steps=6",
                "--set=train.saveEvery=2",
                "--set=train.keepLast=20",
                "--set=runtime.previewPictures=2",
                "--set=runtime.logEvery=1",
                "--set=sample.steps=2"));
        for (String one : more) {
            options.add("--set=" + one);
        }
        return options;
    }

    private void train(Path data, Path run, String... more) {
        assertThat(maskalign.run(options(data, run, more).toArray()))
                .as(maskalign.err())
                .isZero();
    }

    private String refused(String... more) {
        List<String> options = options(pictures, folder.resolve("run"), more);
        options.add("--dry-run");
        assertThat(maskalign.run(options.toArray())).as(maskalign.err()).isEqualTo(2);
        String dry = maskalign.err();
        options.remove("--dry-run");
        assertThat(maskalign.run(options.toArray())).isEqualTo(2);
        assertThat(maskalign.err()).isEqualTo(dry);
        return dry;
    }

    @Test
    void trainsPreviewsScoresAndSamplesByName() throws Exception {
        Path run = folder.resolve("run");
        train(pictures, run, "evaluate.every=6", "evaluate.samples=4", "evaluate.steps=2", "runtime.previewEvery=3");

        assertThat(run.resolve("samples-0000003.png")).exists();
        assertThat(run.resolve("samples.png")).exists();
        assertThat(Files.readString(run.resolve("classes.json"))).isEqualTo("[\"circle\",\"star\"]\n");
        assertThat(Files.readString(run.resolve("ATTRIBUTION.txt"))).contains("20 pictures of", "circle, star");
        assertThat(Files.readString(run.resolve("stats.jsonl"))).contains("eval/fd_embedded_teacher");

        Path latents = folder.resolve("latents.safetensors");
        assertThat(maskalign.run("sample", run, "--labels=star,star,0", "--num=3", "--steps=2", "--latents=" + latents))
                .as(maskalign.err())
                .isZero();
        try (SafetensorsFile file = SafetensorsFile.open(latents)) {
            assertThat(file.longs("labels")).containsExactly(1, 1, 0);
        }
        Path grid = folder.resolve("grid.png");
        assertThat(maskalign.run(
                        "sample",
                        run,
                        "--labels=circle",
                        "--num=1",
                        "--steps=2",
                        "--scale=1",
                        "--vae=none",
                        "--out=" + grid))
                .as(maskalign.err())
                .isZero();
        assertThat(PictureReader.read(grid).width()).isEqualTo(16 + 2 * 4);
        assertThat(maskalign.run("sample", run, "--labels=sun", "--num=1")).isEqualTo(2);
        assertThat(maskalign.err()).contains("'sun' is neither a class", "circle, star");
    }

    @Test
    void goesOnToTheBitAndDoesNotCareWhereThePicturesLie() throws Exception {
        Path whole = folder.resolve("whole");
        Path parts = folder.resolve("parts");
        train(pictures, whole, "data.flip=true");
        train(pictures, parts, "data.flip=true", "train.steps=3");
        Path zip = zip(pictures, folder.resolve("moved.zip"));
        train(zip, parts, "data.flip=true");

        assertThat(last(parts)).isEqualTo(last(whole));
        train(pictures, folder.resolve("plain"));
        assertThat(last(folder.resolve("plain"))).isNotEqualTo(last(whole));
        write(pictures.resolve("star/new.png"), 20, 20, false);
        List<String> options = options(pictures, parts, "data.flip=true", "train.steps=8");
        assertThat(maskalign.run(options.toArray())).isEqualTo(2);
        assertThat(maskalign.err()).contains("data.identity");
    }

    @Test
    void preparedSetsReportAndScoresKnowTheClassesToo() throws Exception {
        Path prepared = folder.resolve("prepared");
        assertThat(maskalign.run("prepare", pictures, "--out=" + prepared, "--vae=none", "--size=16", "--images"))
                .as(maskalign.err())
                .isZero();
        assertThat(maskalign.out()).contains("20 of 20 pictures in 2 classes: circle 10, star 10");
        Path run = folder.resolve("run");
        train(
                prepared,
                run,
                "data.kind=LATENTS",
                "data.scale=1.0",
                "data.vae=none",
                "runtime.previewEvery=2",
                "train.steps=2");
        assertThat(run.resolve("samples.png")).exists();
        assertThat(Files.readString(run.resolve("classes.json"))).isEqualTo("[\"circle\",\"star\"]\n");

        assertThat(maskalign.run("report", run)).as(maskalign.err()).isZero();
        assertThat(Files.readString(run.resolve("report.html")))
                .contains("<th scope=\"row\">classes</th><td>circle, star</td>")
                .contains("All classes in turn, row by row: circle, star.");

        Path samples = folder.resolve("samples");
        assertThat(maskalign.run(
                        "sample", run, "--labels=star", "--num=4", "--steps=2", "--vae=none", "--folder=" + samples))
                .as(maskalign.err())
                .isZero();
        assertThat(maskalign.run("evaluate", "--reference=" + pictures, "--samples=" + samples, "--encoder=embedded"))
                .isEqualTo(2);
        assertThat(maskalign.err()).contains("--size N");
        assertThat(maskalign.run(
                        "evaluate",
                        "--reference=" + pictures,
                        "--samples=" + samples,
                        "--size=12",
                        "--encoder=embedded",
                        "--metrics=fid,precision",
                        "--groups=1"))
                .as(maskalign.err())
                .isZero();
        assertThat(maskalign.out()).contains("Fréchet distance", "4 samples of");
    }

    @Test
    void latentsAreNormalisedByTheStatisticsThatPrepareMeasured() throws Exception {
        Path prepared = folder.resolve("prepared");
        Object[] prepare = {"prepare", pictures, "--out=" + prepared, "--vae=none", "--size=16", "--images"};
        assertThat(maskalign.run(prepare)).as(maskalign.err()).isZero();
        Path measured = prepared.resolve("latents-stats.json");
        assertThat(Files.readString(measured)).contains("\"mean\"", "\"std\"");
        String[] settings = {
            "data.kind=LATENTS", "data.statistics=prepared", "data.vae=none", "runtime.previewEvery=2", "train.steps=2"
        };
        Path run = folder.resolve("run");
        train(prepared, run, settings);
        assertThat(run.resolve("latents-stats.json")).hasSameTextualContentAs(measured);

        // what is drawn does not need the set, and undoes the statistics that training used
        Object[] sample = {"sample", run, "--num=1", "--steps=2", "--vae=none", "--out=" + folder.resolve("a.png")};
        assertThat(maskalign.run(sample)).as(maskalign.err()).isZero();
        byte[] picture = Files.readAllBytes(folder.resolve("a.png"));
        Files.writeString(measured, "{\"mean\": [0.9, 0.9, 0.9], \"std\": [0.01, 0.01, 0.01]}");
        assertThat(maskalign.run(sample)).as(maskalign.err()).isZero();
        assertThat(Files.readAllBytes(folder.resolve("a.png"))).isEqualTo(picture);
        Files.copy(measured, run.resolve("latents-stats.json"), StandardCopyOption.REPLACE_EXISTING);
        assertThat(maskalign.run(sample)).as(maskalign.err()).isZero();
        assertThat(Files.readAllBytes(folder.resolve("a.png"))).isNotEqualTo(picture);

        // other statistics are another run
        List<String> options = options(prepared, run, settings);
        assertThat(maskalign.run(options.toArray())).isEqualTo(2);
        assertThat(maskalign.err()).contains("data.identity");
        Files.writeString(measured, "{\"mean\": [1, 2], \"std\": [1, 2]}");
        assertThat(maskalign.run(options.toArray())).isEqualTo(2);
        assertThat(maskalign.err()).contains("data.statistics prepared is of 2 channels, but the latents have 3");
        Files.delete(measured);
        assertThat(maskalign.run(options.toArray())).isEqualTo(2);
        assertThat(maskalign.err()).contains("the set has none: the prepare command that made it, run again");
        assertThat(maskalign.run(prepare)).as(maskalign.err()).isZero();
        assertThat(measured).exists();
        assertThat(maskalign.run(options(prepared, folder.resolve("x"), "data.statistics=prepared")
                        .toArray()))
                .isEqualTo(2);
        assertThat(maskalign.err()).contains("statistics goes with LATENTS, not with FOLDER");
        assertThat(maskalign.run(options(
                                prepared,
                                folder.resolve("x"),
                                "data.kind=LATENTS",
                                "data.statistics=prepared",
                                "data.scale=2")
                        .toArray()))
                .isEqualTo(2);
        assertThat(maskalign.err()).contains("scale and bias have no place beside statistics");
    }

    private static byte[] last(Path run) throws IOException {
        return Files.readAllBytes(run.resolve("snapshot-0000006.safetensors"));
    }

    private static Path zip(Path source, Path file) throws IOException {
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file));
                Stream<Path> files = Files.walk(source)) {
            for (Path one : files.filter(Files::isRegularFile).toList()) {
                zip.putNextEntry(new ZipEntry(source.relativize(one).toString()));
                Files.copy(one, zip);
            }
        }
        return file;
    }

    @Test
    void whatDoesNotFitIsNamedWithItsKeyBeforeAndInTraining() throws Exception {
        assertThat(refused("model.numClasses=1"))
                .contains("model.numClasses must be 2 for data.path", "(circle 10, star 10) but was 1");
        assertThat(refused("train.globalBatch=32"))
                .contains("train.globalBatch must be at most 20, the number of pictures of data.path");
        assertThat(refused("model.inChannels=4")).contains("model.inChannels must be 3 for data.kind FOLDER");
        assertThat(refused("data.vae=vae")).contains("vae has no place with FOLDER");
        assertThat(refused("data.kind=EMOJI", "data.sets=[noto]", "data.flip=true"))
                .contains("flip must be false with EMOJI");
        assertThat(refused("data.path=null")).contains("path must name the folder or archive");
        assertThat(refused("model.patchSize=4"))
                .contains("model.inputSize 16 with model.patchSize 4 makes 4 x 4 tokens", "encoder.kind EMBEDDED");
        assertThat(refused("encoder.width=64")).contains("encoder.width must be 128 for encoder.kind EMBEDDED");

        Files.createDirectories(pictures.resolve("void"));
        assertThat(refused()).contains("the class void has no .jpg, .jpeg or .png");
        Files.delete(pictures.resolve("void"));
        Files.writeString(pictures.resolve("alone.png"), "x");
        assertThat(refused()).contains("must all lie in a folder for each class, or all in none");
    }

    @Test
    void anEmptyFolderIsRefused() throws Exception {
        pictures = Files.createDirectory(folder.resolve("empty"));

        assertThat(refused()).contains("there is no .jpg, .jpeg or .png in this folder");
    }

    @Test
    void unreadablePicturesAreLeftOutAndOneFolderIsOneClass() throws Exception {
        Path flat = folder.resolve("discs");
        for (int i = 0; i < 5; i++) {
            write(flat.resolve(i + ".png"), 20, 20, true);
        }
        Files.writeString(flat.resolve("broken.jpg"), "no picture");
        Path run = folder.resolve("run");

        train(flat, run, "model.numClasses=1");

        assertThat(Files.readString(run.resolve("classes.json"))).isEqualTo("[\"discs\"]\n");
        assertThat(Files.readString(run.resolve("ATTRIBUTION.txt"))).contains("on 5 pictures");
        pictures = flat;
        List<String> options = options(flat, folder.resolve("other"), "model.numClasses=1", "train.globalBatch=6");
        assertThat(maskalign.run(options.toArray())).isEqualTo(2);
        assertThat(maskalign.err()).contains("train.globalBatch must be at most 5");
    }

    @Test
    void otherEncodersLookAtAnySideThatTheGridDivides() {
        Path encoders =
                Path.of("..", "maskalign-encoders", "src").toAbsolutePath().normalize();
        Path golden = encoders.resolve("test/resources/golden");
        Path script = golden.resolve("exported/dinov2-reg.pt");
        for (String encoder : List.of(
                "{kind: NATIVE, path: " + golden.resolve("published/dinov2-hf.safetensors") + ", heads: 4, width: 32}",
                "{kind: TORCHSCRIPT, path: " + script + ", width: 32, trust: true}")) {
            train(
                    pictures,
                    folder.resolve("run-" + encoder.length()),
                    "encoder=" + encoder,
                    "model.inputSize=48",
                    "model.patchSize=12", // 4 x 4 tokens, the only ones that the script knows
                    "train.steps=1");
        }
        assertThat(maskalign.run(
                        "evaluate",
                        "--reference=" + pictures,
                        "--samples=" + pictures,
                        "--size=50",
                        "--encoder=" + encoders.resolve("main/resources/io/github/maskalign/encoders/emoji-vit.pt"),
                        "--preprocessing=emoji-vit",
                        "--trust",
                        "--metrics=fid",
                        "--groups=1"))
                .as(maskalign.err())
                .isZero();
        assertThat(maskalign.out()).contains("20 samples of");
    }

    @ParameterizedTest
    @CsvSource({"32, 4", "64, 4", "64, 8"})
    void theEmbeddedTeacherLooksAtOtherSides(int side, int patch) {
        train(pictures, folder.resolve("run"), "model.inputSize=" + side, "model.patchSize=" + patch, "train.steps=1");

        assertThat(folder.resolve("run/snapshot-0000001.safetensors")).exists();
    }
}
