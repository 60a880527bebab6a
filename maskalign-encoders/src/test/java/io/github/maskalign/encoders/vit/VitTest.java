package io.github.maskalign.encoders.vit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.encoders.vit.Vit.VitParts;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VitTest {
    private static final int SEED = 5;
    private static final VitConfig SMALL = new VitConfig(12, 4, 24, 2, 3, 96, 0.5, VitParts.DINOV2);

    private NDManager manager;
    private Vit vit;

    @TempDir
    Path folder;

    @BeforeEach
    void create() {
        manager = NDManager.newBaseManager();
        manager.getEngine().setRandomSeed(SEED);
        vit = new Vit(SMALL, Precision.FLOAT32);
        vit.initialize(manager, DataType.FLOAT32, new Shape(1, 3, 12, 12));
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void exportedArchiveOpensAsAnEncoderAndGivesTheSameTokensOnEveryGrid() throws IOException {
        Path file = folder.resolve("vit.pt");
        vit.export(Weights.of(vit), Map.of("provenance.json", "{\"steps\": 0}"), Files.newOutputStream(file));
        byte[] pixels = new byte[2 * 3 * 12 * 12];
        new SplittableRandom(SEED).nextBytes(pixels);
        NDArray images = OwnedArrays.of(manager, new Shape(2, 3, 12, 12), pixels);

        for (Preprocessing preprocessing :
                new Preprocessing[] {Preprocessing.EMOJI_VIT, Preprocessing.EMOJI_VIT_DOUBLE}) {
            try (RepresentationEncoder encoder = Encoders.open(file, preprocessing.name(), ScriptTrust.trusted())) {
                EncoderTokens tokens = encoder.encode(images);
                NDList ours =
                        vit.forward(new ParameterStore(manager, false), new NDList(preprocessing.apply(images)), false);

                assertThat(encoder.width()).isEqualTo(24);
                // the same operations on the same thread: the same bits
                assertThat(tokens.classToken().toFloatArray())
                        .isEqualTo(ours.get(0).toFloatArray());
                assertThat(tokens.patchTokens().toFloatArray())
                        .isEqualTo(ours.get(1).toFloatArray());
            }
        }
        try (ZipFile zip = new ZipFile(file.toFile())) {
            byte[] extra = zip.getInputStream(zip.getEntry("archive/extra/provenance.json"))
                    .readAllBytes();
            assertThat(new String(extra, StandardCharsets.UTF_8)).isEqualTo("{\"steps\": 0}");
        }
    }

    @Test
    void exportWritesTheGivenWeightsAndTheSameBytesAgain() throws IOException {
        Map<String, NDArray> average = new HashMap<>();
        Weights.of(vit).forEach((key, array) -> average.put(key, array.add(1)));

        byte[] own = export(Weights.of(vit));

        assertThat(export(Weights.of(vit))).isEqualTo(own);
        assertThat(export(average)).isNotEqualTo(own);
        average.remove("norm.bias");
        assertThatThrownBy(() -> export(average))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("norm.bias is missing");
    }

    @Test
    void tokensFollowTheGridOfThePicture() {
        Shape image = new Shape(2, 3, 8, 20);

        NDList tokens = vit.forward(new ParameterStore(manager, false), new NDList(manager.randomNormal(image)), false);

        assertThat(tokens.get(0).getShape()).isEqualTo(new Shape(2, 24));
        assertThat(tokens.get(1).getShape()).isEqualTo(new Shape(2, 10, 24));
        assertThat(vit.getOutputShapes(new Shape[] {image})).containsExactly(tokens.getShapes());
    }

    @Test
    void bfloat16StaysCloseToFloat32() {
        Vit rounded = new Vit(SMALL, Precision.BFLOAT16);
        rounded.initialize(manager, DataType.FLOAT32, new Shape(1, 3, 12, 12));
        Weights.copyInto(rounded, Weights.of(vit));
        NDList image = new NDList(manager.randomNormal(new Shape(2, 3, 12, 12)));
        ParameterStore store = new ParameterStore(manager, false);

        NDArray exact = vit.forward(store, image, false).get(1);
        NDArray close = rounded.forward(store, image, false).get(1);

        assertThat(close.getDataType()).isEqualTo(DataType.FLOAT32);
        float difference = close.sub(exact).abs().max().getFloat();
        assertThat(difference).isPositive().isLessThan(0.05f); // 8 bits of mantissa, tokens of variance 1
    }

    @Test
    void picturesThatAreNoWholePatchesAreRefused() {
        NDList image = new NDList(manager.zeros(new Shape(1, 3, 12, 14)));

        assertThatThrownBy(() -> vit.forward(new ParameterStore(manager, false), image, false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("multiples of 4 but were (1, 3, 12, 14)");
    }

    @Test
    void configsThatDoNotFitAreRefused() {
        assertThatThrownBy(() -> new VitConfig(30, 4, 24, 2, 3))
                .hasMessageContaining("imageSize must be a multiple of patchSize 4 but was 30");
        assertThatThrownBy(() -> new VitConfig(32, 4, 25, 2, 3)).hasMessageContaining("multiple of heads 3");
        assertThatThrownBy(() -> new VitConfig(32, 4, 24, 0, 3)).hasMessageContaining("depth must be at least 1");
        assertThatThrownBy(() -> new VitConfig(32, 4, 24, 2, 3, 0, 1, VitParts.DINOV2))
                .hasMessageContaining("hidden must be at least 1");
    }

    private byte[] export(Map<String, NDArray> weights) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        vit.export(weights, Map.of(), out);
        return out.toByteArray();
    }
}
