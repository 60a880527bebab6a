package io.github.maskalign.core.script;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.AdaLnZeroBlock;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScriptModuleTest {
    private static final int SEED = 11;

    private NDManager manager;
    private AdaLnZeroBlock block;
    private NDArray x;
    private NDArray c;
    private byte[] archive;

    @TempDir
    Path folder;

    @BeforeEach
    void exportBlock() throws IOException {
        manager = NDManager.newBaseManager();
        manager.getEngine().setRandomSeed(SEED);
        block = new AdaLnZeroBlock(24, 3, 4, false, Precision.FLOAT32);
        block.initialize(manager, DataType.FLOAT32, new Shape(2, 5, 24), new Shape(2, 24));
        x = manager.randomNormal(new Shape(2, 5, 24));
        c = manager.randomNormal(new Shape(2, 24));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        new ScriptExporter()
                .weights(Weights.of(block))
                .input("x", x)
                .input("c", c)
                .export(this::ours, out);
        archive = out.toByteArray();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void archiveInMemoryAndOnDiskComputeTheSameOnEveryCall() throws IOException {
        Path file = folder.resolve("block.pt");
        Files.write(file, archive);
        float[] expected = ours().singletonOrThrow().toFloatArray();

        try (ScriptModule memory = ScriptModule.open(Device.cpu(), "block", archive);
                ScriptModule disk = ScriptModule.open(Device.cpu(), file)) {
            for (int call = 0; call < 3; call++) {
                assertThat(memory.call(manager, x, c).singletonOrThrow().toFloatArray())
                        .isEqualTo(expected);
                assertThat(disk.call(manager, x, c).singletonOrThrow().toFloatArray())
                        .isEqualTo(expected);
            }
        }
    }

    @Test
    void gradientModeOfTheThreadDecides() throws IOException {
        NDArray input = manager.randomNormal(new Shape(2, 5, 24));
        input.setRequiresGradient(true);

        try (ScriptModule module = ScriptModule.open(Device.cpu(), "block", archive)) {
            try (GradMode on = GradMode.on()) {
                NDArray loss = module.call(manager, input, c).singletonOrThrow().sum();
                NDArray gradient =
                        Autograd.gradients(loss, new NDList(input), manager).singletonOrThrow();
                assertThat(gradient.toFloatArray()).doesNotContain(0f); // the fresh block is the identity: all ones
            }
            try (GradMode off = GradMode.off()) {
                NDArray result = module.call(manager, input, c).singletonOrThrow();
                assertThat(result.hasGradient()).isFalse();
            }
        }
    }

    @Test
    void resultsOutliveTheModuleAndNamesOfInputsStay() throws IOException {
        x.setName("an.image");
        NDArray result;
        try (ScriptModule module = ScriptModule.open(Device.cpu(), "block", archive)) {
            result = module.call(manager, x, c).singletonOrThrow();
        }

        assertThat(result.toFloatArray()).hasSize(240);
        assertThat(x.getName()).isEqualTo("an.image");
    }

    @Test
    void anotherThreadIsRefused() throws IOException {
        try (ScriptModule module = ScriptModule.open(Device.cpu(), "block", archive)) {
            assertThatThrownBy(() -> CompletableFuture.runAsync(() -> module.call(manager, x, c))
                            .join())
                    .hasCauseInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("open one for each thread");
        }
    }

    @Test
    void closedModuleIsRefused() throws IOException {
        ScriptModule module = ScriptModule.open(Device.cpu(), "block", archive);
        module.close();
        module.close(); // twice does no harm

        assertThatThrownBy(() -> module.call(manager, x, c))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("TorchScript module block is closed");
    }

    @Test
    void wrongInputsAreNamedByShape() throws IOException {
        try (ScriptModule module = ScriptModule.open(Device.cpu(), "block", archive)) {
            NDArray wide = manager.ones(new Shape(2, 5, 25));

            assertThatThrownBy(() -> module.call(manager, wide, c))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("(2, 5, 25) float32");
        }
    }

    @Test
    void missingAndForeignFilesAreReported() throws IOException {
        Path text = folder.resolve("notes.pt");
        Files.writeString(text, "no archive");
        byte[] bytes = "no archive".getBytes(StandardCharsets.UTF_8);

        assertThatThrownBy(() -> ScriptModule.open(Device.cpu(), folder.resolve("none.pt")))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("none.pt");
        assertThatThrownBy(() -> ScriptModule.open(Device.cpu(), text))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("notes.pt is not a TorchScript archive");
        assertThatThrownBy(() -> ScriptModule.open(Device.cpu(), "encoder", bytes))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("encoder is not a TorchScript archive");
    }

    private NDList ours() {
        return block.forward(new ParameterStore(manager, false), new NDList(x, c), false);
    }
}
