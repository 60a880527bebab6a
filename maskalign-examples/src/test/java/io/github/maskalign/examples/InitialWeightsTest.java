package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.internal.TorchFileWriter;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code train --init} on emoji, from checkpoints as REG's and SiT's trainers write them. */
@Tag("slow")
class InitialWeightsTest {
    private static final SiTConfig PLAIN = SiTConfig.of(32, 4, 3, 24, 2, 3, 8);

    @TempDir
    Path folder;

    private final CommandRun command = new CommandRun();

    @Test
    void maskAlignStartsFromRegWithAFreshMixer() throws IOException {
        Path reg = checkpoint(PLAIN.withAlignment(1, 20, List.of(128)).withClassToken(128));
        Path run = folder.resolve("run");

        assertThat(train(run, "--init", reg.toString())).as(command.err()).isZero();

        try (SafetensorsFile start = SafetensorsFile.open(run.resolve("init.safetensors"));
                SafetensorsFile end = SafetensorsFile.open(run.resolve("snapshot-0000002.safetensors"))) {
            assertThat(start.metadata()).containsEntry("family", "reg");
            assertThat(end.tensors().keySet())
                    .containsAll(start.tensors().keySet())
                    .anyMatch(key -> key.startsWith("mixer.1."));
            for (String key : start.tensors().keySet()) {
                float[] from = start.floats(key);
                float[] to = end.floats(key);
                for (int i = 0; i < from.length; i++) {
                    // two steps of AdamW at a warming rate below 1e-3, averaged
                    assertThat(to[i]).as(key).isCloseTo(from[i], within(2e-3f));
                }
            }
        }

        // the same command goes on, whatever the file is by now
        assertThat(train(run, "--init", folder.resolve("gone.pt").toString(), "--steps", "3"))
                .as(command.err())
                .isZero();
    }

    @Test
    void differencesAreNamedUnlessAskedFor() throws IOException {
        Path bare = checkpoint(PLAIN.withClassToken(128));
        Path run = folder.resolve("run");

        assertThat(train(run, "--init", bare.toString())).isEqualTo(2);
        assertThat(command.err()).contains("\"projectors.0.0.weight\" with shape (20, 24) is missing");
        assertThat(train(run, "--init", bare.toString(), "--fresh-projectors"))
                .as(command.err())
                .isZero();
    }

    /** A run that follows its moving average starts from weights without the head for that, and the other way round. */
    @Test
    void headOfSelfAlignmentStartsFresh() throws IOException {
        Path reg = checkpoint(PLAIN.withClassToken(128).withAlignment(1, 20, List.of(128)));
        Path run = folder.resolve("run");
        Path next = folder.resolve("next");

        assertThat(train(run, "--init", reg.toString(), "--set=terms.selfAlign={block: 1, teacherBlock: 2}"))
                .as(command.err())
                .isZero();
        assertThat(train(next, "--init", run.toString())).as(command.err()).isZero();

        Path trained = run.resolve("snapshot-0000002.safetensors");
        try (SafetensorsFile start = SafetensorsFile.open(run.resolve("init.safetensors"));
                SafetensorsFile end = SafetensorsFile.open(trained);
                SafetensorsFile without = SafetensorsFile.open(next.resolve("snapshot-0000002.safetensors"))) {
            assertThat(start.tensors().keySet()).noneMatch(key -> key.startsWith("ap_head."));
            assertThat(end.tensors().keySet()).contains("ap_head.linear1.weight", "ap_head.linear2.bias");
            assertThat(without.tensors().keySet()).noneMatch(key -> key.startsWith("ap_head."));
        }
    }

    private int train(Path run, String... more) {
        List<String> words = new ArrayList<>(List.of(
                "train",
                "../configs/emoji-32.yaml",
                "--out=" + run,
                "--set=data.sets=[fxemoji]",
                "--set=model.patchSize=4",
                "--set=model.hiddenSize=24",
                "--set=model.depth=2",
                "--set=model.numHeads=3",
                "--set=align.depth=1",
                "--set=align.projectorDim=20",
                "--set=train.globalBatch=4",
                "--set=train.steps=2",
                "--set=runtime.previewPictures=1",
                "--set=sample.steps=1"));
        words.addAll(Arrays.asList(more));
        return command.run(words.toArray());
    }

    private Path checkpoint(SiTConfig config) throws IOException {
        Path file = folder.resolve("start.pt");
        try (NDManager manager = NDManager.newBaseManager();
                GradMode editing = GradMode.off()) {
            SiT model = new SiT(config);
            model.initialize(manager);
            for (NDArray weight : Weights.trainable(model)) {
                weight.addi(manager.randomNormal(weight.getShape()).mul(0.1f));
            }
            Map<String, Object> content = new LinkedHashMap<>();
            content.put("ema", StateDict.of(Weights.of(model)));
            content.put("steps", 7);
            TorchFileWriter.write(file, content);
        }
        return file;
    }
}
