package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.sample.Sampler.SampleListener;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.internal.LatentSampling;
import io.github.maskalign.sit.weights.ModelSettings;
import io.github.maskalign.sit.weights.SiTWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** sample with networks that share the times, and with networks of noise. */
class ExpertSampleTest {
    private static final SiTConfig PIXELS = SiTConfig.of(8, 2, 3, 16, 2, 2, 5);

    private final CommandRun command = new CommandRun();

    @TempDir
    Path folder;

    @Test
    void expertsDrawTheTimesOfTheirRunsAndTheFirstThoseThatAreLeft() throws IOException {
        Path low = model("low.safetensors", PIXELS, "[0.0, 0.5]");
        Path high = model("high.safetensors", PIXELS, "[0.5, 1.0]");

        float[] experts = latents(low, "--expert=" + high);

        assertThat(experts).containsExactly(byHand(low, high), within(0f));
        assertThat(latents(low, "--expert=" + high + ":0.5-1")).isEqualTo(experts);
        assertThat(latents(high, "--expert=" + low)).isEqualTo(experts);
        assertThat(latents(low)).isNotEqualTo(experts);
        assertThat(command.err()).contains("was trained on the times from 0.0 to 0.5 alone", "--expert");
    }

    /** The same with a field that switches between the two models itself. */
    private static float[] byHand(Path low, Path high) throws IOException {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode editing = GradMode.off();
                SiTWeights below = SiTWeights.open(low);
                SiTWeights above = SiTWeights.open(high)) {
            ParameterStore store = new ParameterStore(manager, false);
            VelocityField first = below.field(below.load(manager, Precision.FLOAT32), store);
            VelocityField second = above.field(above.load(manager, Precision.FLOAT32), store);
            VelocityField both = new VelocityField() {
                @Override
                public NDList velocity(NDList state, NDArray t, NDArray labels) {
                    return (t.getFloat(0) < 0.5f ? first : second).velocity(state, t, labels);
                }

                @Override
                public long nullLabel() {
                    return first.nullLabel();
                }
            };
            SamplerConfig how = SamplerConfig.defaults().withMethod(SamplerMethod.EULER, 5);
            return new LatentSampling(PIXELS, Interpolant.LINEAR, how, 16)
                    .draw(manager, both, LatentSampling.randomLabels(0, 0, 2, 5), 0, SampleListener.NONE);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "high:0.6-1    | no network has the times from 0.5 to 0.6",
                "high:0.5-0.9  | no network has the times from 0.9 to 1.0",
                "high:0-1      | the experts have all times",
                "high:1-0.5    | must be two rising numbers in [0, 1] but were [1.0, 0.5]",
                "other:0.5-1   | draws other pictures than",
                "noisy:0.5-1   | draws other pictures than",
                "nowhere       | file not found"
            })
    void expertsThatDoNotFitAreRefused(String expert, String message) throws IOException {
        Path low = model("low", PIXELS, "[0.0, 0.5]");
        model("high", PIXELS, "[0.5, 1.0]");
        model("other", SiTConfig.of(8, 2, 3, 16, 2, 2, 6), "[0.5, 1.0]");
        model("noisy", PIXELS.withProcess(Process.DDPM), "[0.5, 1.0]");

        assertThat(run("sample", low.toString(), "--num=1", "--steps=2", "--expert=" + folder.resolve(expert)))
                .as(command.err())
                .isEqualTo(2);

        assertThat(command.err()).contains(message);
        assertThat(folder.resolve("samples-0.png")).doesNotExist();
    }

    @Test
    void picturesOfAnotherExpertAreNotTakenForDone() throws IOException {
        Path low = model("low", PIXELS, "[0.0, 0.5]");
        Path high = model("high", PIXELS, "[0.5, 1.0]");
        Path pictures = folder.resolve("pictures");
        Object[] words = {"sample", low.toString(), "--num=1", "--steps=2", "--expert=" + high, "--folder=" + pictures};
        assertThat(run(words)).as(command.err()).isZero();
        assertThat(run(words)).isZero();
        assertThat(Files.readString(pictures.resolve("provenance.json"))).contains("\"expert_0\": \"[0.5, 1.0] ");

        model("high", PIXELS, "[0.5, 1.0]");

        assertThat(run(words)).isEqualTo(2);
        assertThat(command.err()).contains("expert_0");
    }

    @Test
    void aNetworkOfNoiseIsDrawnOnItsChainAlone() throws IOException {
        Path noisy = model("noisy", PIXELS.withProcess(Process.DDPM), null);

        float[] ddim = latents(noisy, "--sampler=DDIM");
        assertThat(ddim).isNotEqualTo(latents(noisy, "--sampler=ddpm"));
        assertThat(latents(noisy, "--sampler=DDIM", "--eta=0.5")).isNotEqualTo(ddim);
        for (float value : ddim) {
            assertThat(value).isFinite();
        }
        for (String[] wrong : new String[][] {
            {"--sampler=ode", "method must be DDPM or DDIM"},
            {"--sampler=DDIM --steps=60", "such as 59 or 63"},
            {"--sampler=DDPM --eta=0.5", "--eta goes with --sampler DDIM"}
        }) {
            List<Object> words = new ArrayList<>(List.of("sample", noisy.toString(), "--num=1"));
            words.addAll(List.of(wrong[0].split(" ")));
            assertThat(run(words.toArray())).as(wrong[0]).isEqualTo(2);
            assertThat(command.err()).contains(wrong[1]);
        }
        Path plain = model("plain", PIXELS, null);
        assertThat(run("sample", plain.toString(), "--num=1", "--sampler=DDPM")).isEqualTo(2);
        assertThat(command.err()).contains("method must be EULER, HEUN or EULER_MARUYAMA");
    }

    private float[] latents(Path model, String... options) throws IOException {
        Path file = folder.resolve("latents.safetensors");
        Files.deleteIfExists(file);
        List<Object> words =
                new ArrayList<>(List.of("sample", model.toString(), "--num=2", "--latents=" + file, "--steps=5"));
        if (!String.join(" ", options).contains("--sampler")) {
            words.add("--sampler=EULER");
        }
        words.addAll(List.of(options));
        assertThat(run(words.toArray())).as(command.err()).isZero();
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            return opened.floats("latents");
        }
    }

    /** A file as a run's snapshot: its settings say what it is. */
    private Path model(String name, SiTConfig config, String range) throws IOException {
        Path file = folder.resolve(name);
        try (NDManager manager = NDManager.newBaseManager();
                GradMode editing = GradMode.off()) {
            SiT model = new SiT(config);
            model.initialize(manager);
            for (NDArray weight : Weights.trainable(model)) {
                weight.addi(manager.randomNormal(weight.getShape()).mul(0.1f));
            }
            Map<String, String> settings = new LinkedHashMap<>();
            settings.put("family", ModelSettings.family(config));
            ModelSettings.of(config).forEach((key, value) -> settings.put("config." + key, value));
            if (range != null) {
                settings.put("config.diffusion.tRange", range);
            }
            SafetensorsWriter.write(file, StateDict.of(Weights.of(model)), settings);
        }
        return file;
    }

    private int run(Object... words) {
        return command.run(words);
    }
}
