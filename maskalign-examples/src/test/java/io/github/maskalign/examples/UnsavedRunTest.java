package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the command says and returns when a run cannot be saved. */
class UnsavedRunTest {
    @TempDir
    Path folder;

    private final CommandRun command = new CommandRun();

    @Test
    void messageAndExitCodeSayWhatIsLostAndWhatNot() throws Exception {
        Path run = folder.resolve("run");
        Path inTheWay = Files.createDirectories(run.resolve("snapshot-0000002.safetensors/folder"));

        int failed = train(run);

        assertThat(failed).as(command.err()).isEqualTo(4);
        assertThat(command.err())
                .contains(
                        "the snapshot of step 2 could not be saved",
                        "Lost: no step. Not lost: ",
                        "state-0000002",
                        "the same command writes the snapshot")
                .doesNotContain("\tat ");
        Files.delete(inTheWay);
        Files.delete(inTheWay.getParent());
        assertThat(train(run)).as(command.err()).isZero();
        assertThat(inTheWay.getParent()).isRegularFile();
        assertThat(command.out()).isEqualTo(run.resolve("samples.png") + "\n"); // the path alone, for scripts
        assertThat(command.err().lines().reduce((first, last) -> last))
                .hasValue("2 steps are trained: samples, curves and averaged weights are in " + run
                        + ". Next: maskalign sample " + run + " --num 64");
    }

    private int train(Path run) {
        return command.run(
                "train",
                Path.of("..", "configs", "emoji-32.yaml"),
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
                "--set=train.steps=2",
                "--set=train.saveWaitSeconds=0",
                "--set=runtime.previewPictures=1",
                "--set=sample.steps=2");
    }
}
