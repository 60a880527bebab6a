package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.io.SafetensorsFile;
import io.github.maskalign.core.io.SafetensorsWriter;
import io.github.maskalign.core.io.StateDict;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** sample on files of weights. */
class SampleCommandTest {
    private static final Path FIXTURES = Path.of("../maskalign-sit/src/test/resources/golden/checkpoint");

    private final CommandRun command = new CommandRun();

    @TempDir
    Path folder;

    @Test
    void sampleDrawsFromAFileOfWeights() throws IOException {
        Path file = pixelModel("pixels.safetensors");

        assertThat(run("sample", file.toString(), "--heads=2", "--num=3", "--steps=2", "--sampler=heun", "--scale=1"))
                .isZero();

        Path grid = folder.resolve("samples-0.png");
        assertThat(command.out().strip()).isEqualTo(grid.toString());
        assertThat(ImageIO.read(grid.toFile()).getWidth()).isGreaterThanOrEqualTo(16);
    }

    @Test
    void outWithoutPngIsAFolderOfSinglePictures() throws IOException {
        String file = pixelModel("pixels.safetensors").toString();
        Path pictures = folder.resolve("pictures");

        assertThat(run("sample", file, "--heads=2", "--num=3", "--steps=2", "--out=" + pictures))
                .as(command.err())
                .isZero();

        assertThat(pictures.resolve("000002.png")).exists();
        assertThat(run("sample", file, "--heads=2", "--out=" + pictures, "--folder=" + folder))
                .isEqualTo(2);
        assertThat(command.err()).contains("give one of --out, --folder and --latents");
    }

    @Test
    void picturesOfOtherWeightsAreNotTakenForDone() throws IOException {
        Path file = pixelModel("pixels.safetensors");
        Path pictures = folder.resolve("pictures");
        Object[] words = {"sample", file.toString(), "--heads=2", "--num=2", "--steps=2", "--folder=" + pictures};
        assertThat(run(words)).isZero();
        assertThat(run(words)).isZero();

        pixelModel("pixels.safetensors"); // as a run that goes on replaces its newest weights

        assertThat(run(words)).isEqualTo(2);
        assertThat(command.err()).contains("it holds pictures made with weights_sha256", "choose another folder");
    }

    @Test
    void leftoversOfAKilledCommandAreDeletedUnlessAnotherIsAtWork() throws IOException {
        Path file = pixelModel("pixels.safetensors");
        Path pictures = folder.resolve("pictures");
        Object[] words = {"sample", file.toString(), "--heads=2", "--num=2", "--steps=2", "--folder=" + pictures};
        assertThat(run(words)).isZero();
        Path leftover = Files.writeString(pictures.resolve(".000001.png.tmp-0123456789abcdef"), "half a picture");

        try (FileChannel other = FileChannel.open(pictures.resolve("provenance.json"), StandardOpenOption.WRITE)) {
            other.lock();
            assertThat(run(words)).isZero();
            assertThat(leftover).exists();
        }
        assertThat(run(words)).isZero();

        assertThat(leftover).doesNotExist();
    }

    @Test
    void picturesOfUnknownOriginAreNotTakenForDone() throws IOException {
        Path file = pixelModel("pixels.safetensors");
        Path pictures = Files.createDirectories(folder.resolve("pictures"));
        Files.writeString(pictures.resolve("000001.png"), "of somebody else");

        assertThat(run("sample", file.toString(), "--heads=2", "--num=2", "--steps=2", "--folder=" + pictures))
                .isEqualTo(2);

        assertThat(command.err()).contains("it holds 000001.png but no provenance.json");
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
                "--num=100 --scale=10000             | --num 100 pictures of 8 pixels at --scale 10000 make a grid of",
                "--out=                              | a path must not be empty",
                "--ema=NaN                           | --ema goes with a run folder"
            })
    void sampleRefusesWhatContradictsItselfBeforeItDraws(String options, String message) throws IOException {
        Path file = pixelModel("pixels.safetensors");

        assertThat(run((Object[]) ("sample " + file + " --heads=2 " + options).split(" ")))
                .isEqualTo(2);

        assertThat(command.err()).contains("error: ").contains(message).doesNotContain("\tat ");
    }

    @Test
    void samplesOfLatentsAreWrittenAsTensors() throws IOException {
        Path file = folder.resolve("latents.safetensors");

        assertThat(run("sample", fixture("sit-official"), "--heads=2", "--num=3", "--steps=2"))
                .isEqualTo(2);
        assertThat(command.err()).contains("need a decoder", "--latents FILE");
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
        assertThat(run(arguments.toArray())).as(command.err()).isZero();
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

    private static String fixture(String name) {
        return FIXTURES.resolve(name + ".pt").toString();
    }

    private int run(Object... args) {
        return command.run(args);
    }
}
