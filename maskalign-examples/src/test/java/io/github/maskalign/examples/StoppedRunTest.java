package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What is left of a run that was stopped, and what its user is told. */
@EnabledOnOs(OS.LINUX)
class StoppedRunTest {
    @TempDir
    Path folder;

    private final CommandRun command = new CommandRun();

    @Test
    void saysWhichCommandGoesOnAndLeavesWeightsToSampleAndStartFrom() throws Exception {
        Path run = folder.resolve("it's a run");

        String said = stopped(run.resolve("stats.jsonl"), words("train", run, "--steps=100000"));

        assertThat(said).containsPattern("the same command goes on: maskalign train \\S+quickstart.yaml '--out=");
        assertThat(said).contains("it'\\''s a run' '--set=data.sets=[fxemoji]' --set=data.cache=");
        Path snapshot = named(refused(run), "\\S*(snapshot-\\d+\\.safetensors)", run);
        assertThat(command.run("sample", run, "--num=1", "--out=" + folder.resolve("one.png")))
                .as(command.err())
                .isZero();

        Files.delete(snapshot);
        Path average = named(refused(run), "(checkpoints/state-\\d+/ema\\.safetensors)", run);
        for (Path source : List.of(run, average)) {
            Path picture = folder.resolve(source.getFileName() + ".png");
            assertThat(command.run("sample", source, "--num=1", "--out=" + picture))
                    .as(command.err())
                    .isZero();
            assertThat(picture).hasSameBinaryContentAs(folder.resolve("one.png"));
        }
        assertThat(command.run(words("train", folder.resolve("other"), "--init=" + average, "--steps=1")))
                .as(command.err())
                .isZero();

        Path pictures = folder.resolve("pictures");
        said = stopped(
                pictures.resolve("000000.png"), "sample", run, "--num=100000", "--batch=1", "--folder=" + pictures);
        assertThat(said).containsPattern("the same command goes on: maskalign sample .*--folder=");
        assertThat(pictures.resolve("099999.png")).doesNotExist();
    }

    /** Returns what a command in a process of its own says that is asked to stop once it has written to a file. */
    private String stopped(Path begun, Object... words) throws IOException, InterruptedException {
        Path said = folder.resolve("said.txt");
        ProcessBuilder builder = ChildJvm.builder(
                Main.class, Stream.of(words).map(Object::toString).toArray(String[]::new));
        // the log of users, not that of tests
        builder.command().add(1, "-Dlogback.configurationFile=" + Main.class.getResource("/logback.xml"));
        Process child =
                builder.redirectErrorStream(true).redirectOutput(said.toFile()).start();
        try {
            for (int i = 0; i < 1200 && child.isAlive() && !(Files.exists(begun) && Files.size(begun) > 0); i++) {
                Thread.sleep(100);
            }
            child.destroy();
            assertThat(child.waitFor(120, TimeUnit.SECONDS)).isTrue();
        } finally {
            child.destroyForcibly();
        }
        assertThat(child.exitValue()).as(Files.readString(said)).isEqualTo(143);
        return Files.readString(said);
    }

    private String refused(Path run) {
        assertThat(command.run(words("train", run, "--set=optim.lr=0.5"))).isEqualTo(2);
        return command.err();
    }

    /** Returns the file that a message names, which must be there. */
    private static Path named(String message, String pattern, Path run) {
        Matcher matcher = Pattern.compile("start from .*" + pattern).matcher(message);
        assertThat(matcher.find()).as(message).isTrue();
        Path file = run.resolve(matcher.group(1));
        assertThat(file).isRegularFile();
        return file;
    }

    private static Object[] words(String name, Path run, String... more) {
        return Stream.concat(
                        Stream.of(
                                name,
                                Path.of("..", "configs", "quickstart.yaml"),
                                "--out=" + run,
                                "--set=data.sets=[fxemoji]",
                                "--set=data.cache=target/emoji-cache",
                                "--set=model.hiddenSize=24",
                                "--set=model.patchSize=8",
                                "--set=model.depth=2",
                                "--set=model.numHeads=2",
                                "--set=encoder.kind=NONE",
                                "--set=align.enabled=false",
                                "--set=cls.enabled=false",
                                "--set=mixer.layers=0",
                                "--set=subset.placement=NONE",
                                "--set=train.globalBatch=4",
                                "--set=runtime.logEvery=1",
                                "--set=runtime.previewPictures=1",
                                "--set=runtime.previewEvery=0",
                                "--set=sample.steps=2"),
                        Stream.of(more))
                .toArray();
    }
}
