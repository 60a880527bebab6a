package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.config.ConfigException;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.train.TrainListener.StopReason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The quickstart with other teachers: one line of its config is replaced. */
class EncoderSwitchTest {
    private static final Path GOLDEN = Path.of("..", "maskalign-encoders", "src", "test", "resources", "golden")
            .toAbsolutePath()
            .normalize();
    private static final List<String> SMALL = List.of(
            "data.sets=[fxemoji]",
            "model.hiddenSize=24",
            "model.patchSize=8",
            "model.depth=2",
            "model.numHeads=2",
            "align.depth=1",
            "align.projectorDim=16",
            "train.steps=2",
            "train.globalBatch=4",
            "runtime.previewPictures=1",
            "sample.steps=2");

    @TempDir
    Path root;

    @Test
    void teachersAreSwitchedByOneLine() throws Exception {
        Path torchScript = GOLDEN.resolve("exported/dinov2-reg.pt");
        Path published = GOLDEN.resolve("published/dinov2-reg4.pth");

        double exported = lastLoss("{kind: TORCHSCRIPT, path: " + torchScript + ", width: 32, trust: true}");
        double read = lastLoss("{kind: NATIVE, path: " + published + ", model: dinov2reg, heads: 4, width: 32}");
        double huggingFace = lastLoss(
                "{kind: NATIVE, path: " + GOLDEN.resolve("published/dinov2-hf.safetensors") + ", heads: 4, width: 32}");

        assertThat(List.of(exported, read, huggingFace))
                .allMatch(Double::isFinite)
                .doesNotHaveDuplicates();
    }

    @Test
    void torchScriptNeedsItsHashOrTrust() throws IOException {
        Path file = GOLDEN.resolve("exported/dinov2-reg.pt");
        String hash = Digests.sha256(file);
        String encoder = "{kind: TORCHSCRIPT, path: " + file + ", width: 32";

        assertThatThrownBy(() -> lastLoss(encoder + "}"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(file + ": TorchScript is a program that would run with your rights, so nothing was opened;"
                        + " pin what is there now with encoder.sha256: " + hash
                        + ", or let run whatever is there with encoder.trust: true");
        assertThatThrownBy(() -> lastLoss(encoder + ", sha256: " + "0".repeat(64) + ", trust: true}"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(file + ": must have the SHA-256 0000");
        assertThat(lastLoss(encoder + ", sha256: " + hash + "}")).isFinite();
    }

    @Test
    void encodersThatDoNotFitAreRefused() {
        Path jepa = GOLDEN.resolve("published/ijepa.pth.tar");
        Path dino = GOLDEN.resolve("published/dinov2-hf.safetensors");

        assertThatThrownBy(() -> lastLoss("{kind: NATIVE, path: " + jepa + ", model: jepa, heads: 4, width: 32}"))
                .hasMessageContaining("cls.enabled must be false for this encoder, which has no class token");
        assertThatThrownBy(() -> lastLoss("{kind: NATIVE, path: " + dino + ", heads: 4, width: 64}"))
                .hasMessageContaining("encoder.width must be 32 for this encoder but was 64");
        assertThatThrownBy(() -> lastLoss(
                        "{kind: NATIVE, path: " + dino + ", sha256: " + "0".repeat(64) + ", heads: 4, width: 32}"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("dinov2-hf.safetensors");
        assertThatThrownBy(() -> lastLoss("{kind: NATIVE, width: 32}"))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("path must name the file for NATIVE");
        assertThatThrownBy(() -> lastLoss("{kind: EMBEDDED, width: 128, model: dinov9}"))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("dinov9");
    }

    private double lastLoss(String encoder) throws IOException {
        List<String> lines = new ArrayList<>();
        boolean inside = false;
        for (String line : Files.readAllLines(Path.of("..", "configs", "emoji-32.yaml"))) {
            if (line.equals("encoder:")) {
                lines.add("encoder: " + encoder);
                inside = true;
            } else if (!inside || !line.startsWith("  ")) {
                lines.add(line);
                inside = false;
            }
        }
        Path config = Files.write(root.resolve("config.yaml"), lines);
        Bound<RunConfig> bound = ConfigBinder.bind(config, SMALL, RunConfig.class);
        Path folder = Files.createTempDirectory(root, "run");
        StopReason reason = TrainingRun.open(bound, folder)
                .withCache(Path.of("target", "emoji-cache"))
                .withVersion("test")
                .run();
        assertThat(reason).isEqualTo(StopReason.COMPLETED);
        assertThat(folder.resolve("loss.png"))
                .exists(); // the run is shorter than its logEvery, but its last step is recorded
        List<String> records = Files.readAllLines(folder.resolve("stats.jsonl"));
        String last = records.get(records.size() - 1);
        return Double.parseDouble(last.replaceFirst(".*\"loss\":([^,}]+).*", "$1"));
    }
}
