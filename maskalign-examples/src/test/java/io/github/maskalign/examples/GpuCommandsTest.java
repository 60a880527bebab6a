package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.engine.DeviceCounts;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands on a GPU, one after the other: preparing, training, sampling with guidance, scoring. */
@Tag("fakegpu")
class GpuCommandsTest {
    private final CommandRun command = new CommandRun();

    @TempDir
    private Path folder;

    @Test
    void fromAnArchiveToScores() {
        Path mini = folder.resolve("mini");
        Path set = folder.resolve("set");
        Path run = folder.resolve("run");
        Path pictures = folder.resolve("pictures");
        assertThat(command.workbench("mini-ilsvrc", mini, "--per-class", "3")).isZero();

        works(
                "prepare",
                mini.resolve("ILSVRC2012_img_train.tar"),
                "--out=" + set,
                "--vae=" + mini.resolve("vae"),
                "--encoder=dinov2",
                "--encoder-file=" + mini.resolve("dinov2.safetensors"),
                "--encoder-heads=3",
                "--images",
                "--device=gpu");
        works(
                "train",
                Path.of("..", "configs", "mini-imagenet.yaml"),
                "--out=" + run,
                "--steps=2",
                "--set=data.path=" + set,
                "--set=runtime.device=gpu",
                "--set=runtime.precision=BFLOAT16");
        for (String how : List.of("sde", "ode", "heun")) {
            works(
                    "sample",
                    run,
                    "--num=6",
                    "--steps=2",
                    "--cfg=1.5",
                    "--sampler=" + how,
                    "--vae=" + mini.resolve("vae"),
                    "--folder=" + pictures.resolve(how));
        }
        for (String encoder : List.of("embedded", "judge")) {
            works(
                    "evaluate",
                    "--reference=" + pictures.resolve("sde"),
                    "--samples=" + pictures.resolve("ode"),
                    "--encoder=" + encoder,
                    "--groups=2",
                    "--device=gpu");
            assertThat(command.out()).contains("Fréchet distance");
        }
    }

    /** Runs a command that has to do its work on the device. */
    private void works(Object... args) {
        List<Object> words = new ArrayList<>(List.of(args));
        DeviceCounts counts = DeviceCounts.of(() ->
                assertThat(command.run(args)).as("%s: %s", words, command.err()).isZero());
        System.out.println(counts.line(words.get(0).toString()));
        assertThat(counts.operations()).isGreaterThan(20);
    }
}
