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
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.AdaLnZeroBlock;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.ScriptModule.ScriptFormatException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

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

        try (ScriptModule memory = ScriptModule.open(Device.cpu(), "block", archive, ScriptTrust.trusted());
                ScriptModule disk = ScriptModule.open(Device.cpu(), file, ScriptTrust.trusted())) {
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

        try (ScriptModule module = ScriptModule.open(Device.cpu(), "block", archive, ScriptTrust.trusted())) {
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
        try (ScriptModule module = ScriptModule.open(Device.cpu(), "block", archive, ScriptTrust.trusted())) {
            result = module.call(manager, x, c).singletonOrThrow();
        }

        assertThat(result.toFloatArray()).hasSize(240);
        assertThat(x.getName()).isEqualTo("an.image");
    }

    @Test
    void anotherThreadIsRefused() throws IOException {
        try (ScriptModule module = ScriptModule.open(Device.cpu(), "block", archive, ScriptTrust.trusted())) {
            assertThatThrownBy(() -> CompletableFuture.runAsync(() -> module.call(manager, x, c))
                            .join())
                    .hasCauseInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("open one for each thread");
        }
    }

    @Test
    void closedModuleIsRefused() throws IOException {
        ScriptModule module = ScriptModule.open(Device.cpu(), "block", archive, ScriptTrust.trusted());
        module.close();
        module.close(); // twice does no harm

        assertThatThrownBy(() -> module.call(manager, x, c))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("TorchScript module block is closed");
    }

    @Test
    void wrongInputsAreNamedByShape() throws IOException {
        try (ScriptModule module = ScriptModule.open(Device.cpu(), "block", archive, ScriptTrust.trusted())) {
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

        assertThatThrownBy(() -> ScriptModule.open(Device.cpu(), folder.resolve("none.pt"), ScriptTrust.trusted()))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("none.pt");
        assertThatThrownBy(() -> ScriptModule.open(Device.cpu(), text, ScriptTrust.trusted()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("notes.pt is not a TorchScript archive");
        assertThatThrownBy(() -> ScriptModule.open(Device.cpu(), "encoder", bytes, ScriptTrust.trusted()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("encoder is not a TorchScript archive");
    }

    @Test
    void onlyThePinnedArchiveIsOpened() throws IOException {
        Path file = Files.write(folder.resolve("block.pt"), archive);
        String hash = sha256(archive);
        byte[] other = archive.clone();
        other[other.length / 2] ^= 1;
        Path changed = Files.write(folder.resolve("changed.pt"), other);

        String refusal = changed + ": must have the SHA-256 " + hash + " but has " + sha256(other)
                + "; it is damaged or another version and was not opened";
        ScriptTrust pin = ScriptTrust.pinned(hash);
        Path own = folder.resolve("own.pt"); // as larger files are opened

        try (ScriptModule read = ScriptModule.open(Device.cpu(), file, pin);
                ScriptModule copied = ScriptModule.openCopy(Device.cpu(), file, pin, own)) {
            float[] expected = ours().singletonOrThrow().toFloatArray();
            assertThat(read.call(manager, x, c).singletonOrThrow().toFloatArray())
                    .isEqualTo(expected);
            assertThat(copied.call(manager, x, c).singletonOrThrow().toFloatArray())
                    .isEqualTo(expected);
            assertThat(own).doesNotExist();
        }
        assertThatThrownBy(() -> ScriptModule.open(Device.cpu(), changed, pin))
                .isInstanceOf(ScriptFormatException.class)
                .hasMessage(refusal);
        assertThatThrownBy(() -> ScriptModule.openCopy(Device.cpu(), changed, pin, own))
                .isInstanceOf(ScriptFormatException.class)
                .hasMessage(refusal);
        assertThat(own).doesNotExist();
        assertThatThrownBy(() -> ScriptModule.open(Device.cpu(), "block", other, ScriptTrust.pinned(hash)))
                .isInstanceOf(ScriptFormatException.class)
                .hasMessageStartingWith("block: must have the SHA-256 ");
    }

    @Test
    void archiveThatIsTrustedTellsItsHash() throws IOException {
        Path file = Files.write(folder.resolve("block.pt"), archive);
        Logger logger = (Logger) LoggerFactory.getLogger(ScriptTrust.class);
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        log.start();
        logger.addAppender(log);
        try {
            ScriptModule.open(Device.cpu(), file, ScriptTrust.trusted()).close();
            ScriptModule.openCopy(Device.cpu(), file, ScriptTrust.trusted(), folder.resolve("own.pt"))
                    .close();
            ScriptModule.open(Device.cpu(), file, ScriptTrust.pinned(sha256(archive)))
                    .close();
        } finally {
            logger.detachAppender(log);
        }

        assertThat(log.list)
                .extracting(ILoggingEvent::getFormattedMessage)
                .hasSize(2)
                .allMatch(line -> line.startsWith(file + " is TorchScript, a program")
                        && line.endsWith("its SHA-256 is " + sha256(archive)));
    }

    private static String sha256(byte[] bytes) {
        return HexFormat.of().formatHex(ScriptTrust.newSha256().digest(bytes));
    }

    private NDList ours() {
        return block.forward(new ParameterStore(manager, false), new NDList(x, c), false);
    }
}
