package io.github.maskalign.encoders.inception;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.Engine;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.Streams;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.encoders.inception.InceptionExtractor.InceptionSuite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("device")
class InceptionExtractorTest {
    @TempDir
    private Path folder;

    @Test
    void networkHasThePublishedNumberOfWeights() {
        long numbers = InceptionLayout.fileShapes().values().stream()
                .mapToLong(Shape::size)
                .sum();

        assertThat(InceptionLayout.fileShapes()).hasSize(94 * 5 + 1);
        // the file also has 1008 biases of the classifier: 23,885,392 in all
        assertThat(numbers).isEqualTo(23_885_392 - 1_008);
    }

    @Test
    void everyKeyThatDoesNotFitIsNamed() throws IOException {
        Map<String, TensorSource> tensors =
                new LinkedHashMap<>(HashedWeights.stateDict().tensors());
        tensors.remove("Mixed_6a.branch3x3.bn.bias");
        tensors.put("fc.weight", TensorSource.of(new Shape(1000, 2), new float[2000])); // as torchvision has it
        tensors.put("Mixed_9.x", TensorSource.of(new Shape(1), new float[1]));

        assertThatThrownBy(() -> InceptionExtractor.of(
                        Engine.getInstance().defaultDevice(), StateDict.ofTensors(tensors), InceptionSuite.ADM))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("\"Mixed_6a.branch3x3.bn.bias\" with shape (384) is missing")
                .hasMessageContaining("\"fc.weight\" must have shape (1008, 2048) but has (1000, 2)")
                .hasMessageContaining("\"Mixed_9.x\" with shape (1) is unexpected");
    }

    @Test
    void messagesNameTheFile() throws IOException {
        Path other = folder.resolve("other.safetensors");
        SafetensorsWriter.write(
                other, StateDict.ofTensors(Map.of("x", TensorSource.of(new Shape(1), new float[1]))), Map.of());
        Path text = Files.writeString(folder.resolve("text.pth"), "not weights");

        assertThatThrownBy(
                        () -> InceptionExtractor.open(Engine.getInstance().defaultDevice(), other, InceptionSuite.ADM))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageStartingWith(other + " is not the 2015 Inception network: ");
        assertThatThrownBy(
                        () -> InceptionExtractor.open(Engine.getInstance().defaultDevice(), text, InceptionSuite.ADM))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining(text.toString());
    }

    @Test
    void fileIsComparedWithTheHashInItsName() throws IOException {
        Path file = folder.resolve("pt_inception-2015-12-05-6726825d.pth");
        SafetensorsWriter.write(
                file, StateDict.ofTensors(Map.of("x", TensorSource.of(new Shape(1), new float[1]))), Map.of());

        assertThatThrownBy(
                        () -> InceptionExtractor.open(Engine.getInstance().defaultDevice(), file, InceptionSuite.ADM))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("by its name the SHA-256 must start with 6726825d but it is ");
    }

    @Test
    void identityIsThatOfTheNumbersAndTheSuite() throws IOException {
        try (InceptionExtractor adm = InceptionExtractor.of(
                        Engine.getInstance().defaultDevice(), HashedWeights.stateDict(), InceptionSuite.ADM);
                InceptionExtractor other = InceptionExtractor.of(
                        Engine.getInstance().defaultDevice(), HashedWeights.stateDict(), InceptionSuite.PYTORCH_FID)) {
            assertThat(adm.space().identity()).matches("inception-2015/adm/[0-9a-f]{64}");
            assertThat(other.space().identity())
                    .isEqualTo(adm.space().identity().replace("/adm/", "/pytorch-fid/"));
            assertThat(adm.space().inception()).isTrue();
        }
    }

    @Test
    void publishedFormatIsOpened() throws IOException { // pytorch-fid's file is of 2019, before PyTorch's zip files
        Path made = folder.resolve("made.pth");
        Map<String, TensorSource> tensors =
                new LinkedHashMap<>(HashedWeights.stateDict().tensors());
        tensors.put("Conv2d_1a_3x3.bn.num_batches_tracked", TensorSource.of(new Shape(), new long[1]));
        Streams.write(made, StateDict.ofTensors(tensors));
        String hash = Digests.sha256(made);
        Path file = Files.move(made, folder.resolve("pt_inception-2015-12-05-" + hash.substring(0, 8) + ".pth"));

        try (InceptionExtractor expected = InceptionExtractor.of(
                        Engine.getInstance().defaultDevice(), HashedWeights.stateDict(), InceptionSuite.ADM);
                InceptionExtractor opened =
                        InceptionExtractor.open(Engine.getInstance().defaultDevice(), file, InceptionSuite.ADM)) {
            assertThat(opened.space().identity()).isEqualTo(expected.space().identity());
        }
    }

    @Test
    void unknownSuitesAreRefused() {
        assertThat(InceptionSuite.named("pytorch-fid")).isEqualTo(InceptionSuite.PYTORCH_FID);
        assertThatThrownBy(() -> InceptionSuite.named("clean-fid"))
                .hasMessage("a suite must be one of adm, pytorch-fid but was clean-fid");
    }

    @Test
    void scriptWithAnotherHashIsNotOpened() throws IOException {
        Path file = Files.writeString(folder.resolve("x.pt"), "not a program");

        assertThatThrownBy(() -> ScriptedExtractor.open(
                        Engine.getInstance().defaultDevice(), file, ScriptTrust.pinned("0".repeat(64)), true))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("was not opened");
        assertThatThrownBy(() ->
                        ScriptedExtractor.open(Engine.getInstance().defaultDevice(), file, ScriptTrust.trusted(), true))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("is not a TorchScript archive");
    }
}
