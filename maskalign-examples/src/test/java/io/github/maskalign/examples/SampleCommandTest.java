package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.Sampler.SampleListener;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.internal.LatentSampling;
import io.github.maskalign.sit.weights.SiTWeights;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
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
                "--cls-cfg=2 --cfg=2                 | --cls-cfg goes with a model that has a class token",
                "--guided-channels=4 --cfg=2         | --guided-channels must be at most 3, the channels of the model",
                "--unconditional=PATH_DROP --cfg=2   | --unconditional PATH_DROP goes with a model of subset.placement SPARSE",
                "--guided-channels=0                 | is neither a number of channels above 0 nor all",
                "--guided-channels=most              | is neither a number of channels above 0 nor all",
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
        assertThat(command.err()).contains("need an autoencoder", "--vae or --vae-torchscript", "--latents FILE");
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

    @Test
    void filesOfSiTAreGuidedInTheFirstThreeChannelsAsItsOwnSamplerDoes() throws IOException {
        float[] plain = latents("plain", "--steps=1", "--sampler=ode");
        assertThat(command.err()).doesNotContain("channels, as in"); // nothing is guided
        float[] usual = latents("usual", "--steps=1", "--sampler=ode", "--cfg=2");
        assertThat(command.err()).contains("note: guidance acts on the first 3 of 4 channels", "--guided-channels all");
        float[] all = latents("all", "--steps=1", "--sampler=ode", "--cfg=2", "--guided-channels=all");
        assertThat(command.err()).doesNotContain("guidance acts");
        float[] two = latents("two", "--steps=1", "--sampler=ode", "--cfg=2", "--guided-channels=2");

        float largest = 0;
        int plane = usual.length / 8; // 2 pictures of 4 channels, one Euler step from the same noise
        for (int i = 0; i < usual.length; i++) {
            int channel = i / plane % 4;
            // a batch without its other half may be rounded otherwise: some units in the last place
            assertThat(usual[i]).isCloseTo(channel < 3 ? all[i] : plain[i], within(1e-5f));
            assertThat(two[i]).isCloseTo(channel < 2 ? all[i] : plain[i], within(1e-5f));
            largest = Math.max(largest, Math.abs(all[i] - usual[i]));
        }
        assertThat(largest).isGreaterThan(0.01f); // the fourth channel
    }

    @Test
    void aModelWithoutSiTsQuirkIsGuidedInAllChannels() throws IOException {
        float[] usual = latentsOf("repa", "usual", "--cfg=2");
        assertThat(command.err()).doesNotContain("guidance acts");

        assertThat(usual).isEqualTo(latentsOf("repa", "all", "--cfg=2", "--guided-channels=all"));
        assertThat(usual).isNotEqualTo(latentsOf("repa", "three", "--cfg=2", "--guided-channels=3"));
    }

    @Test
    void theClassTokenHasAScaleOfItsOwn() throws IOException {
        float[] both = latentsOf("reg", "both", "--cfg=2");
        float[] same = latentsOf("reg", "same", "--cfg=2", "--cls-cfg=2");
        float[] weaker = latentsOf("reg", "weaker", "--cfg=2", "--cls-cfg=1.2");
        float[] none = latentsOf("reg", "none", "--cfg=2", "--cls-cfg=0");

        assertThat(same).isEqualTo(both);
        assertThat(weaker).isNotEqualTo(both);
        assertThat(none).isEqualTo(drawn("reg", new Guidance(2, 0, 0, 1))).isNotEqualTo(weaker);
        assertThat(weaker).isEqualTo(drawn("reg", new Guidance(2, 1.2, 0, 1)));
        assertThat(run("sample", fixture("reg"), "--heads=2", "--cls-cfg=2", "--latents=" + folder.resolve("x")))
                .isEqualTo(2);
        assertThat(command.err()).contains("--cls-cfg acts while the latent is guided, so --cfg must be above 1");
    }

    /** What the library's sampler draws of a file of weights as the command does. */
    private static float[] drawn(String name, Guidance guidance) throws IOException {
        try (NDManager manager = NDManager.newBaseManager();
                WeightsFile file = WeightsFile.open(FIXTURES.resolve(name + ".pt"))) {
            SiTWeights weights =
                    SiTWeights.read(name, file.stateDict("ema"), file.metadata(), ImportOptions.AUTO.withNumHeads(2));
            SamplerConfig how = SamplerConfig.defaults()
                    .withMethod(SamplerMethod.EULER_MARUYAMA, 5)
                    .withGuidance(guidance);
            return new LatentSampling(weights.config(), Interpolant.LINEAR, how, 2)
                    .draw(
                            manager,
                            weights.field(weights.load(manager, Precision.FLOAT32), new ParameterStore(manager, false)),
                            LatentSampling.randomLabels(
                                    0, 0, 2, weights.config().model().numClasses()),
                            0,
                            SampleListener.NONE);
        }
    }

    @Test
    void aFolderSaysWhichChannelsWereGuided() throws IOException {
        String file = pixelModel("pixels.safetensors").toString();
        Path pictures = folder.resolve("pictures");
        Object[] words = {"sample", file, "--heads=2", "--num=1", "--steps=2", "--cfg=2", "--folder=" + pictures};
        assertThat(run(words)).isZero();
        Path provenance = pictures.resolve("provenance.json");
        String text = Files.readString(provenance);

        assertThat(text).contains("\"guided_channels\": \"all\"").doesNotContain("legacyGuidedChannels");
        // a folder of an earlier version, which guided all
        Files.writeString(provenance, text.replaceFirst("  \"guided_channels\": \"all\",\n", ""));
        assertThat(run(words)).as(command.err()).isZero();
        List<Object> other = new ArrayList<>(List.of(words));
        other.add("--guided-channels=2");
        other.add("--pixels=truncate");
        assertThat(run(other.toArray())).isEqualTo(2);
        assertThat(command.err())
                .contains(
                        "it holds pictures made with guided_channels all and not first 2, pixels ROUND and not TRUNCATE;");
    }

    private float[] latents(String name, String... options) throws IOException {
        return latentsOf("sit-official", name, options);
    }

    private float[] latentsOf(String fixture, String name, String... options) throws IOException {
        Path file = folder.resolve(name + ".safetensors");
        List<String> arguments =
                new ArrayList<>(List.of("sample", fixture(fixture), "--heads=2", "--num=2", "--latents=" + file));
        arguments.addAll(List.of(options));
        if (!arguments.contains("--steps=1")) {
            arguments.add("--steps=5");
        }
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
