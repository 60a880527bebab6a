package io.github.maskalign.encoders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.script.ScriptTrust;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A small DINOv2 with registers that {@code scripts/export_encoder.py} exported. */
@Tag("device")
class ExportedEncoderTest {
    /** The published arithmetic with pictures of 64 pixels instead of 256. */
    private static final Preprocessing SMALL = Preprocessing.DINOV2.withSides(64, 64, 56, 14);

    private NDManager manager;
    private GoldenCase golden;
    private Path file;
    private String sha256;

    @BeforeEach
    void load() throws URISyntaxException {
        manager = NDManager.newBaseManager();
        golden = GoldenCase.load(getClass(), "exported", "dinov2-reg", manager);
        file = Path.of(Objects.requireNonNull(getClass().getResource("/golden/exported/dinov2-reg.pt"))
                .toURI());
        sha256 = Objects.requireNonNull(golden.metadata().get("sha256"));
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void tokensAreThoseOfTheExportedModel() throws IOException {
        try (RepresentationEncoder encoder = Encoders.open(
                file, SMALL, ScriptTrust.pinned(sha256), Engine.getInstance().defaultDevice())) {
            EncoderTokens tokens = encoder.encode(golden.get("inputs/image"));

            assertThat(encoder.width())
                    .isEqualTo(Integer.parseInt(golden.metadata().getOrDefault("width", "")));
            assertThat(encoder.tokens(64)).isEqualTo(16);
            // 1e-5: float32 through the resize and two blocks
            assertThat(GoldenCase.relativeError(tokens.classToken(), golden.get("outputs/cls")))
                    .isLessThan(1e-5);
            assertThat(GoldenCase.relativeError(tokens.patchTokens(), golden.get("outputs/tokens")))
                    .isLessThan(1e-5);
        }
    }

    @Test
    void everyBatchSizeGivesTheSameTokensOfAPicture() throws IOException {
        try (RepresentationEncoder encoder = Encoders.open(
                file, SMALL, ScriptTrust.pinned(sha256), Engine.getInstance().defaultDevice())) {
            NDArray images = golden.get("inputs/image");
            NDArray first = encoder.encode(images.get("0:1")).patchTokens();
            NDArray many = encoder.encode(images.repeat(0, 3)).patchTokens(); // (6, 16, 32)

            // 1e-6: sums of float32 in another order
            assertThat(GoldenCase.relativeError(many.get("0:1"), first)).isLessThan(1e-6);
        }
    }

    @Test
    void picturesOfAnotherSideAreRefused() throws IOException {
        try (RepresentationEncoder encoder = Encoders.open(
                file, SMALL, ScriptTrust.pinned(sha256), Engine.getInstance().defaultDevice())) {
            NDArray larger = manager.zeros(new Shape(1, 3, 128, 128), DataType.UINT8);

            // its position table was resampled for one grid when it was exported
            assertThatThrownBy(() -> encoder.encode(larger))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("cannot compute with inputs [(1, 3, 112, 112) float32]");
        }
    }

    @Test
    void changedFileIsNotOpened(@TempDir Path folder) throws IOException {
        byte[] archive = Files.readAllBytes(file);
        archive[archive.length / 2] ^= 1;
        Path changed = Files.write(folder.resolve("changed.pt"), archive);

        assertThatThrownBy(() -> Encoders.open(
                        changed,
                        SMALL,
                        ScriptTrust.pinned(sha256),
                        Engine.getInstance().defaultDevice()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("must have the SHA-256 " + sha256);
    }
}
