package io.github.maskalign.encoders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.EncoderTokens;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.io.OwnedArrays;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.ScriptExporter;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.encoders.vit.Vit;
import io.github.maskalign.encoders.vit.VitConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TorchScriptEncoderTest {
    private static final VitConfig TINY = new VitConfig(32, 4, 24, 2, 3, 2, 1);

    private NDManager manager;
    private Vit vit;
    private Path file;

    @TempDir
    Path folder;

    @BeforeEach
    void exportVit() throws IOException {
        manager = NDManager.newBaseManager();
        manager.getEngine().setRandomSeed(3);
        vit = new Vit(TINY, Precision.FLOAT32);
        vit.initialize(manager, DataType.FLOAT32, new Shape(1, 3, 32, 32));
        file = folder.resolve("vit.pt");
        vit.export(Weights.of(vit), Map.of("provenance.json", "{}"), Files.newOutputStream(file));
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void exportedBlockGivesTheSameNumbersAtEverySize() throws IOException {
        NDArray images = images(3, 32);
        for (Preprocessing preprocessing :
                new Preprocessing[] {Preprocessing.EMOJI_VIT, Preprocessing.EMOJI_VIT_DOUBLE}) {
            NDList ours =
                    vit.forward(new ParameterStore(manager, false), new NDList(preprocessing.apply(images)), false);

            try (RepresentationEncoder encoder = Encoders.open(file, preprocessing, null, Device.cpu())) {
                EncoderTokens tokens = encoder.encode(images);

                assertThat(encoder.width()).isEqualTo(24);
                assertThat(tokens.patchTokens().getShape()).isEqualTo(new Shape(3, encoder.tokens(32), 24));
                assertThat(tokens.classToken().toFloatArray())
                        .isEqualTo(ours.get(0).toFloatArray());
                assertThat(tokens.patchTokens().toFloatArray())
                        .isEqualTo(ours.get(1).toFloatArray());
            }
        }
    }

    @Test
    void encodingRecordsNoGraphAndLeavesNothingBehind() throws IOException {
        try (RepresentationEncoder encoder = Encoders.open(file, "emoji-vit", null);
                GradMode on = GradMode.on();
                NDManager step = manager.newSubManager()) {
            NDArray images = images(2, 32);
            images.attach(step);
            int before = step.getManagedArrays().size();

            EncoderTokens tokens = encoder.encode(images);

            assertThat(tokens.classToken().getManager()).isSameAs(step);
            assertThat(step.getManagedArrays()).hasSize(before + 2);
            assertThat(tokens.classToken().hasGradient()).isFalse();
            assertThat(GradMode.isOn()).isTrue();
        }
    }

    @Test
    void oneTensorWithTheClassTokenFirstIsSplit() throws IOException {
        Path one = folder.resolve("one.pt");
        exportProbe(one, "tokens");

        try (RepresentationEncoder encoder = Encoders.open(one, "emoji-vit", null)) {
            EncoderTokens tokens = encoder.encode(images(2, 32));

            assertThat(tokens.classToken().getShape()).isEqualTo(new Shape(2, 3));
            assertThat(tokens.patchTokens().getShape()).isEqualTo(new Shape(2, 64, 3));
            assertThat(tokens.classToken().toFloatArray()).containsOnly(7f);
            assertThat(tokens.patchTokens().toFloatArray()).doesNotContain(7f);
        }
    }

    @Test
    void otherShapesAreNamedWhenTheFileIsOpened() throws IOException {
        Path wrong = folder.resolve("wrong.pt");
        exportProbe(wrong, "patches_alone");

        assertThatThrownBy(() -> Encoders.open(wrong, "emoji-vit", null))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("wrong.pt must return float32 (1, Z) and (1, 1, Z), or (1, 2, Z)")
                .hasMessageContaining("but returned [(1, 1, 3) float32]");
    }

    @Test
    void hashIsComparedBeforeTheFileIsLoaded() throws Exception {
        Path text = folder.resolve("text.pt");
        Files.writeString(text, "not even an archive");
        String right =
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));

        Encoders.open(file, "emoji-vit", right).close();
        assertThatThrownBy(() -> Encoders.open(text, "emoji-vit", right))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("text.pt must have the SHA-256 " + right + " but has ");
        assertThatThrownBy(() -> Encoders.open(file, "emoji-vit", "abc"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("64 hexadecimal digits but was 'abc'");
    }

    private void exportProbe(Path target, String function) throws IOException {
        ScriptFunction probe = ScriptFunction.of(TorchScriptEncoderTest.class, "encoder_probe.py", function);
        NDArray image = manager.zeros(new Shape(1, 3, 32, 32));
        new ScriptExporter()
                .weight("unused", manager.ones(new Shape(1)))
                .input("image", image)
                .export(() -> probe.call(image), Files.newOutputStream(target));
    }

    private NDArray images(int n, int side) {
        byte[] bytes = new byte[n * 3 * side * side];
        new SplittableRandom(9).nextBytes(bytes);
        return OwnedArrays.of(manager, new Shape(n, 3, side, side), bytes);
    }
}
