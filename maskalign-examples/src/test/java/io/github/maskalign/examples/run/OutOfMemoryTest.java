package io.github.maskalign.examples.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.train.KillAndResume;
import io.github.maskalign.examples.Main;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real process with a limit on its memory: one message, exit code 1, and everything saved is still there. */
@Tag("slow")
class OutOfMemoryTest {
    /** A JVM and the engine reserve 3 GB of addresses; a step of 1,024 pictures at once needs more than 3 GB besides. */
    private static final long LIMIT_KIB = 6_000_000;

    @TempDir
    private Path folder;

    @Test
    void stepWithoutMemoryEndsWithAdviceAndTheRunGoesOn() throws Exception {
        Path run = folder.resolve("run");

        Result first = train(run, 0, "train.steps=1", "train.accumulation=64");
        Result tooLarge = train(run, LIMIT_KIB, "train.steps=2", "train.accumulation=1");
        Result again = train(run, LIMIT_KIB, "train.steps=2", "train.accumulation=64");

        assertThat(first.code).as(first.text).isZero();
        assertThat(tooLarge.code).as(tooLarge.text).isEqualTo(1);
        assertThat(tooLarge.text)
                .contains(
                        "step 2 ran out of memory: while computing the gradients of 1024 samples at a time, ",
                        "of the machine's memory could not be had (",
                        "what has been saved is unharmed",
                        "train.accumulation=2 (now 1)",
                        "train.activationCheckpointing=1")
                .doesNotContain("SIGSEGV", "\tat ");
        assertThat(again.code).as(again.text).isZero();
        assertThat(run.resolve("checkpoints/state-0000002/weights.safetensors")).isRegularFile();
    }

    private record Result(int code, String text) {}

    private Result train(Path run, long limit, String... settings) throws IOException, InterruptedException {
        List<String> java = KillAndResume.jvm(
                Main.class,
                "train",
                Path.of("..", "configs", "emoji-32.yaml").toString(),
                "--out",
                run.toString(),
                "--set=train.saveEvery=1",
                "--set=train.globalBatch=1024",
                "--set=runtime.previewPictures=4",
                "--set=sample.steps=2");
        for (String setting : settings) {
            java.add("--set=" + setting);
        }
        String limited = limit == 0 ? "exec \"$@\"" : "ulimit -v " + limit + " && exec \"$@\"";
        List<String> command = new ArrayList<>(List.of("bash", "-c", limited, "bash"));
        command.addAll(java);
        Path output = folder.resolve("output.txt");
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("MALLOC_ARENA_MAX", "2"); // each would reserve addresses of its own
        Process process = builder.redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        if (!process.waitFor(5, TimeUnit.MINUTES)) {
            process.destroyForcibly().waitFor();
        }
        return new Result(process.exitValue(), Files.readString(output, StandardCharsets.UTF_8));
    }
}
