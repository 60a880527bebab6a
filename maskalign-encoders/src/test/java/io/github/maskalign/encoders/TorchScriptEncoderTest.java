package io.github.maskalign.encoders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.ScriptExporter;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.core.script.ScriptTrust;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The contract of encoders, with archives whose tokens are mean colours of patches of 4 pixels. */
@Tag("device")
class TorchScriptEncoderTest {
    private static final Preprocessing BYTES = Preprocessing.EMOJI_VIT;
    private static final float SCALE = 3;

    private NDManager manager;
    private NDArray images;

    @TempDir
    Path folder;

    @BeforeEach
    void drawPictures() {
        manager = NDManager.newBaseManager();
        byte[] pixels = new byte[3 * 3 * 12 * 12];
        new SplittableRandom(20260612).nextBytes(pixels);
        images = OwnedArrays.of(manager, new Shape(3, 3, 12, 12), pixels);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"pair", "joined"})
    void bothFormsGiveClassAndPatchTokens(String form) throws IOException {
        try (RepresentationEncoder encoder = open(archive(form), ScriptTrust.trusted())) {
            EncoderTokens tokens = encoder.encode(images);

            assertThat(encoder.width()).isEqualTo(3);
            assertThat(encoder.tokens(12)).isEqualTo(9);
            assertThat(tokens.classToken().getShape()).isEqualTo(new Shape(3, 3));
            assertThat(tokens.patchTokens().getShape()).isEqualTo(new Shape(3, 9, 3));
            assertThat(tokens.classToken().getManager()).isSameAs(manager);
            assertThat(tokens.patchTokens().getManager()).isSameAs(manager);
            // fifth patch of the last picture, green
            double sum = 0;
            for (int y = 4; y < 8; y++) {
                for (int x = 4; x < 8; x++) {
                    sum += images.getUint8(2, 1, y, x) / 127.5 - 1;
                }
            }
            assertThat((double) tokens.patchTokens().getFloat(2, 4, 1))
                    .isCloseTo(SCALE * sum / 16, within(1e-5)); // float32 sum of 16 numbers
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"traced", "joined"})
    void filesSavedByPythonGiveItsTokens(String form) throws Exception {
        GoldenCase golden = GoldenCase.load(getClass(), "torchscript", "vit", manager);
        Path file = Path.of(Objects.requireNonNull(getClass().getResource("/golden/torchscript/" + form + ".pt"))
                .toURI());

        try (RepresentationEncoder encoder = open(file, ScriptTrust.trusted())) {
            EncoderTokens tokens = encoder.encode(golden.get("inputs/image"));

            // float32 through one block
            assertThat(GoldenCase.relativeError(tokens.classToken(), golden.get("outputs/cls")))
                    .isLessThan(1e-5);
            assertThat(GoldenCase.relativeError(tokens.patchTokens(), golden.get("outputs/patches")))
                    .isLessThan(1e-5);
        }
    }

    @Test
    void fileThatKnowsOneBatchSizeIsRefusedWhenItIsOpened() throws IOException {
        Path file = archive("of_one");

        assertThatThrownBy(() -> open(file, ScriptTrust.trusted()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(file + " cannot compute with inputs [(2, 3, 32, 32) float32]: ")
                .hasMessageContaining("shape '[1, 65, 3]' is invalid for input of size 390");
    }

    @Test
    void nothingIsRecordedAndTokensCanBeTargetsOfALoss() throws IOException {
        try (RepresentationEncoder encoder = open(archive("pair"), ScriptTrust.trusted());
                GradMode on = GradMode.on()) {
            NDArray target = encoder.encode(images).patchTokens();
            NDArray x = manager.ones(target.getShape());
            x.setRequiresGradient(true);

            NDArray gradient = Autograd.gradients(x.mul(target).sum(), new NDList(x), manager)
                    .singletonOrThrow();

            assertThat(target.hasGradient()).isFalse();
            assertThat(gradient.toFloatArray()).isEqualTo(target.toFloatArray());
            assertThat(GradMode.isOn()).isTrue();
        }
    }

    @Test
    void encodingLeavesNothingButTheTokens() throws IOException {
        try (RepresentationEncoder encoder = open(archive("joined"), ScriptTrust.trusted())) {
            encoder.encode(images); // whatever is made once
            int before = manager.getManagedArrays().size();

            encoder.encode(images);

            assertThat(manager.getManagedArrays()).hasSize(before + 2);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    without_class_token | [(2, 64, 3) float32]
                    two_widths          | [(2, 2) float32, (2, 64, 3) float32]
                    doubles             | [(2, 65, 3) float64]
                    picture             | [(2, 3, 32, 32) float32]
                    three               | [(2, 3) float32, (2, 64, 3) float32, (2, 64, 3) float32]
                    """)
    void otherResultsAreRefusedWhenTheFileIsOpened(String form, String found) throws IOException {
        Path file = archive(form);

        assertThatThrownBy(() -> open(file, ScriptTrust.trusted()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining(
                        "encoder " + file + " must return float32 (2, Z) and (2, 64, Z), or (2, 65, Z), for pictures")
                .hasMessageContaining("but returned " + found);
    }

    @Test
    void pinnedFileIsOpenedWhateverTheCaseOfThePin() throws Exception {
        Path file = archive("pair");
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
        String pin = HexFormat.of().withUpperCase().formatHex(digest);

        try (RepresentationEncoder encoder = open(file, ScriptTrust.pinned(pin))) {
            assertThat(encoder.width()).isEqualTo(3);
        }
    }

    @Test
    void hashIsComparedBeforeAnythingIsInterpreted() throws IOException {
        Path file = folder.resolve("encoder.pt");
        Files.writeString(file, "no archive: opening it would fail otherwise");

        assertThatThrownBy(() -> open(file, ScriptTrust.pinned("0".repeat(64))))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(file + ": must have the SHA-256 0000")
                .hasMessageContaining("was not opened");
        assertThatThrownBy(() -> open(file, ScriptTrust.pinned("abc")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("must be 64 hexadecimal digits but was 'abc'");
    }

    @Test
    void missingAndForeignFilesAreReported() throws IOException {
        Path none = folder.resolve("none.pt");
        Path text = folder.resolve("notes.pt");
        Files.writeString(text, "no archive");

        assertThatThrownBy(() -> open(none, ScriptTrust.trusted()))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("none.pt");
        assertThatThrownBy(() -> open(none, ScriptTrust.pinned("0".repeat(64))))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("none.pt");
        assertThatThrownBy(() -> open(text, ScriptTrust.trusted()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("notes.pt is not a TorchScript archive");
    }

    @Test
    void otherPicturesAreRefused() throws IOException {
        try (RepresentationEncoder encoder = open(archive("pair"), ScriptTrust.trusted())) {
            assertThatThrownBy(() -> encoder.encode(manager.zeros(new Shape(1, 3, 12, 12))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("must be uint8");
            assertThatThrownBy(() -> encoder.encode(manager.zeros(new Shape(1, 3, 10, 10), DataType.UINT8)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("multiple of 4 pixels");
        }
    }

    @Test
    void anotherThreadIsRefused() throws IOException {
        try (RepresentationEncoder encoder = open(archive("pair"), ScriptTrust.trusted())) {
            assertThatThrownBy(() -> CompletableFuture.runAsync(() -> encoder.encode(images))
                            .join())
                    .hasCauseInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("open one for each thread");
        }
    }

    private static RepresentationEncoder open(Path file, ScriptTrust trust) throws IOException {
        return Encoders.open(file, BYTES, trust, Engine.getInstance().defaultDevice());
    }

    private Path archive(String form) throws IOException {
        Path file = folder.resolve(form + ".pt");
        NDArray image = manager.zeros(new Shape(1, 3, 4, 4));
        NDArray scale = manager.full(new Shape(1), SCALE);
        ScriptFunction function = ScriptFunction.of(TorchScriptEncoderTest.class, "probe_encoders.py", form);
        new ScriptExporter()
                .input("image", image)
                .weight("scale", scale)
                .export(() -> function.call(image, scale), Files.newOutputStream(file));
        return file;
    }
}
