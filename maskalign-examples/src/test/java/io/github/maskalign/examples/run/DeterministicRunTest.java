package io.github.maskalign.examples.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.engine.internal.Processor;
import io.github.maskalign.core.train.KillAndResume;
import io.github.maskalign.examples.Main;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Fresh processes in deterministic mode, one of them in two parts and with activation checkpointing. */
@Tag("slow")
class DeterministicRunTest {
    private static final String DETERMINISTIC = "runtime.deterministic=true";
    private static final String TWO_THREADS = "runtime.threads=2";

    @TempDir
    private Path folder;

    @Test
    void freshProcessesEndWithEqualFilesAndOtherThreadsAreRefused() throws Exception {
        Path once = folder.resolve("once");
        Path parts = folder.resolve("parts");

        Result whole = train(once, DETERMINISTIC, TWO_THREADS, "train.steps=6");
        Result first = train(parts, DETERMINISTIC, TWO_THREADS, "train.steps=3", "train.activationCheckpointing=1");
        Result other = train(parts, DETERMINISTIC, "runtime.threads=1", "train.steps=6");
        Result narrower = start(
                command(parts, DETERMINISTIC, TWO_THREADS, "train.steps=6"), Map.of("ATEN_CPU_CAPABILITY", "default"));
        Result second = train(parts, DETERMINISTIC, TWO_THREADS, "train.steps=6", "train.activationCheckpointing=2");

        assertThat(whole.code).as(whole.text).isZero();
        assertThat(first.code).as(first.text).isZero();
        assertThat(other.code).as(other.text).isEqualTo(2);
        assertThat(other.text).contains("threads was 2 and is now 1", "--set runtime.deterministic=false");
        if (!Processor.read().capability().equals("default")) { // else there is no narrower one
            assertThat(narrower.code).as(narrower.text).isEqualTo(2);
            assertThat(narrower.text)
                    .contains("cpu_capability was " + Processor.read().capability() + " and is now default");
        }
        assertThat(second.code).as(second.text).isZero();
        for (String file : List.of("weights", "ema", "ema-0_9", "exp_avg", "exp_avg_sq")) {
            String name = "checkpoints/state-0000006/" + file + ".safetensors";
            assertThat(parts.resolve(name)).as(file).hasSameBinaryContentAs(once.resolve(name));
        }
        Result sampled = start(
                KillAndResume.jvm(Main.class, "sample", parts.toString(), "--ema", "0.9", "--num", "1"), Map.of());
        assertThat(sampled.code).as(sampled.text).isZero();
        for (String name : List.of("snapshot-0000006.safetensors", "snapshot-ema0.9-0000006.safetensors")) {
            assertThat(parts.resolve(name)).hasSameBinaryContentAs(once.resolve(name));
        }
    }

    private record Result(int code, String text) {}

    private Result train(Path run, String... settings) throws IOException, InterruptedException {
        return start(command(run, settings), Map.of());
    }

    private static List<String> command(Path run, String... settings) {
        List<String> command = KillAndResume.jvm(
                Main.class,
                "train",
                Path.of("..", "configs", "emoji-32.yaml").toString(),
                "--out",
                run.toString(),
                "--set=train.globalBatch=16",
                "--set=train.accumulation=2",
                "--set=optim.extraEmaDecays=[0.9]",
                "--set=runtime.previewPictures=4",
                "--set=sample.steps=2");
        for (String setting : settings) {
            command.add("--set=" + setting);
        }
        return command;
    }

    private Result start(List<String> command, Map<String, String> environment)
            throws IOException, InterruptedException {
        Path output = folder.resolve("output.txt");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment().putAll(environment);
        Process process = builder.start();
        if (!process.waitFor(5, TimeUnit.MINUTES)) {
            process.destroyForcibly().waitFor();
        }
        return new Result(process.exitValue(), Files.readString(output, StandardCharsets.UTF_8));
    }
}
