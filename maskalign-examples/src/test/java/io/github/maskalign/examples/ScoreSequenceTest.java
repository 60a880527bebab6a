package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The README's way from training to a page of scores, with few steps and samples. */
@Tag("slow")
class ScoreSequenceTest {
    @TempDir
    Path folder;

    @Test
    void trainSampleEvaluateReport() throws Exception {
        Path run = folder.resolve("run");
        run(
                "train",
                Path.of("..", "configs", "emoji-32.yaml").toString(),
                "--out=" + run,
                "--set=train.steps=4",
                "--set=train.globalBatch=8",
                "--set=evaluate.every=2",
                "--set=evaluate.samples=8",
                "--set=evaluate.steps=2",
                "--set=evaluate.referencePictures=50",
                "--set=runtime.logEvery=1",
                "--set=runtime.previewPictures=4",
                "--set=sample.steps=2");
        run("sample", run.toString(), "--num=12", "--steps=2", "--folder=" + run.resolve("samples"));
        run(
                "evaluate",
                "--reference=" + run.resolve("evaluate-reference.safetensors"),
                "--samples=" + run,
                "--encoder=embedded",
                "--out=" + run.resolve("evaluation.json"));
        run("report", run.toString());

        String page = Files.readString(run.resolve("report.html"));
        assertThat(page)
                .contains("4 of 4", "Fréchet distance (not FID), embedded teacher over steps")
                .contains("Velocity loss over steps", "step 4<")
                .contains("<caption>", "class=\"warning\"") // twelve samples are few
                .doesNotContain("have not been evaluated");
    }

    private static void run(String... args) {
        assertThat(Main.run(Main.commandLine(), args)).as("%s", List.of(args)).isZero();
    }
}
