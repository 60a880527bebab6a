package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.data.internal.PreparedStore.PreparedSample;
import io.github.maskalign.core.data.internal.SampleLayout;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.data.internal.ShardBuilder;
import io.github.maskalign.core.data.internal.ShardIndex;
import java.io.File;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A project that depends on two modules alone, and brings the natives of the engine: what it can do, and what it gets. */
class OutsideProgramTest {
    private static final int SIDE = 16;

    @TempDir
    Path home;

    @Test
    void getsNoCommandLineNoLoggingNoChartsAndNoNatives() throws Exception {
        DependencyTree tree = DependencyTree.of("maskalign-sit", "maskalign-encoders");

        assertThat(tree.artifacts())
                .contains("maskalign-core", "api", "pytorch-engine", "gson", "slf4j-api")
                .noneMatch(
                        name -> name.matches("picocli.*|logback.*|log4j.*|xchart|progressbar|jline.*|jsvg|iconify.*"))
                .noneMatch(name -> name.matches("pytorch-native.*|pytorch-jni|maskalign-examples"));
    }

    @Test
    @Tag("slow")
    void trainsSamplesEvaluatesAndReports() throws Exception {
        DependencyTree tree = DependencyTree.of("maskalign-sit", "maskalign-encoders");
        prepare(home.resolve("set"));
        Files.writeString(home.resolve("config.yaml"), config());
        compile(tree.classPath());

        String said = run(tree.classPath());

        assertThat(said).contains("COMPLETED").contains("step        2 of 2");
        assertThat(home.resolve("run/loss.png")).isNotEmptyFile();
        assertThat(home.resolve("pictures-2/000007.png")).isNotEmptyFile();
        assertThat(home.resolve("latents.safetensors")).isNotEmptyFile();
        assertThat(home.resolve("run/evaluation.json")).content().contains("\"fd_embedded_teacher\"");
        assertThat(home.resolve("report.html")).content().contains("<h1>Outside</h1>", "Fréchet distance");
    }

    private void compile(List<String> classPath) throws Exception {
        Path source = Path.of(
                OutsideProgramTest.class.getResource("/outside/Program.java").toURI());
        StringWriter problems = new StringWriter();
        boolean compiled = ToolProvider.getSystemJavaCompiler()
                .getTask(
                        problems,
                        null,
                        null,
                        List.of("-proc:none", "-d", home.toString(), "-cp", String.join(File.pathSeparator, classPath)),
                        null,
                        ToolProvider.getSystemJavaCompiler()
                                .getStandardFileManager(null, null, null)
                                .getJavaFileObjects(source))
                .call();
        assertThat(compiled).as(problems.toString()).isTrue();
    }

    private String run(List<String> classPath) throws Exception {
        Stream<String> natives = DependencyTree.available().entrySet().stream()
                .filter(entry -> entry.getKey().matches("pytorch-native.*|pytorch-jni"))
                .map(entry -> entry.getValue().toString());
        String all = Stream.of(Stream.of(home.toString()), classPath.stream(), natives)
                .flatMap(part -> part)
                .reduce((a, b) -> a + File.pathSeparator + b)
                .orElseThrow();
        Path said = home.resolve("said.txt");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx1g",
                        "-Djava.awt.headless=true",
                        "-DOPT_OUT_TRACKING=true",
                        "-Dai.djl.offline=true",
                        "-cp",
                        all,
                        "Program",
                        home.toString())
                .redirectErrorStream(true)
                .redirectOutput(said.toFile())
                .start();
        boolean ended = process.waitFor(300, TimeUnit.SECONDS);
        process.destroyForcibly();
        String text = Files.readString(said);
        assertThat(ended).as(text).isTrue();
        assertThat(process.exitValue()).as(text).isZero();
        return text;
    }

    private String config() {
        return ConfigBinder.bind(
                        Path.of("..", "configs", "imagenet-sit-b-2.yaml"),
                        List.of(
                                "method=sit",
                                "data.path=" + home.resolve("set"),
                                "model.variant=null",
                                "model.inputSize=" + SIDE,
                                "model.inChannels=3",
                                "model.patchSize=4",
                                "model.hiddenSize=32",
                                "model.depth=2",
                                "model.numHeads=2",
                                "model.numClasses=3",
                                "align.depth=1",
                                "train.globalBatch=4",
                                "train.accumulation=1",
                                "train.steps=2",
                                "train.saveEvery=2",
                                "train.snapshotEvery=2",
                                "runtime.device=cpu",
                                "runtime.precision=FLOAT32",
                                "runtime.logEvery=1",
                                "sample.steps=2"),
                        RunConfig.class)
                .yaml();
    }

    private static void prepare(Path folder) throws Exception {
        Files.createDirectories(folder);
        SampleLayout layout = SampleLayout.latents(3, SIDE, FloatCode.FLOAT32);
        Random random = new Random(0);
        List<ShardIndex.Entry> entries = new ArrayList<>();
        ShardBuilder builder = new ShardBuilder(layout);
        for (int i = 0; i < 6; i++) {
            float[] moments = new float[layout.momentValues()];
            for (int k = 0; k < moments.length; k++) {
                moments[k] = (float) random.nextGaussian();
            }
            builder.add(new PreparedSample("p" + i, i % 3, moments, null, null));
        }
        String sha256 =
                builder.write(folder.resolve(ShardIndex.fileName(0)), Map.of()).sha256();
        entries.add(new ShardIndex.Entry(6, sha256));
        new ShardIndex(layout, Map.of(), List.of("a", "b", "c"), entries).write(folder);
    }
}
