package io.github.maskalign.encoders.vae;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.encoders.vae.Autoencoder.LatentMoments;
import io.github.maskalign.encoders.vae.Autoencoder.LatentScaling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("device")
class PatchAutoencoderTest {
    private static final TrainablePatchAutoencoder.Weighting WEIGHTING =
            new TrainablePatchAutoencoder.Weighting(1, 0.25, 0.01);

    @TempDir
    Path folder;

    @Test
    void embeddedAutoencoderGivesLatentsOfAQuarterTheSideTheSameEachTime() throws IOException {
        try (PatchAutoencoder autoencoder =
                        PatchAutoencoder.embedded(Engine.getInstance().defaultDevice());
                NDManager manager =
                        NDManager.newBaseManager(Engine.getInstance().defaultDevice())) {
            NDArray pictures = pictures(manager, 2, 64);

            LatentMoments first = autoencoder.encode(pictures);
            LatentMoments second = autoencoder.encode(pictures);
            NDArray back = autoencoder.decode(first.mean());

            assertThat(first.mean().getShape()).isEqualTo(new Shape(2, 4, 16, 16));
            assertThat(first.std().getShape()).isEqualTo(new Shape(2, 4, 16, 16));
            assertThat(back.getShape()).isEqualTo(new Shape(2, 3, 64, 64));
            assertThat(second.mean().toFloatArray()).isEqualTo(first.mean().toFloatArray());
            assertThat(autoencoder.decode(second.mean()).toFloatArray()).isEqualTo(back.toFloatArray());
            assertThat(autoencoder.scaling()).isEqualTo(LatentScaling.of(1, 0));
            assertThat(autoencoder.reduction()).isEqualTo(4);
            assertThat(autoencoder.latentChannels()).isEqualTo(4);
            assertThat(autoencoder.file()).hasToString("embedded emoji-vae.safetensors");
        }
    }

    /** A red disc on white, which no drawing is, comes back within 26 of 255 on average of squares: 20 dB. */
    @Test
    void embeddedAutoencoderGivesPicturesBack() throws IOException {
        try (PatchAutoencoder autoencoder =
                        PatchAutoencoder.embedded(Engine.getInstance().defaultDevice());
                NDManager manager =
                        NDManager.newBaseManager(Engine.getInstance().defaultDevice())) {
            int side = 64;
            byte[] disc = new byte[3 * side * side];
            for (int k = 0; k < disc.length; k++) {
                int dx = k % side - 32;
                int dy = k / side % side - 32;
                disc[k] = (byte) (k < side * side || dx * dx + dy * dy > 400 ? 255 : 40);
            }
            NDArray picture = manager.create(
                    java.nio.ByteBuffer.allocateDirect(disc.length).put(disc).flip(),
                    new Shape(1, 3, side, side),
                    DataType.UINT8);

            float[] back =
                    autoencoder.decode(autoencoder.encode(picture).mean()).toFloatArray();

            double squares = 0;
            for (int k = 0; k < disc.length; k++) {
                squares += Math.pow((disc[k] & 0xFF) - (back[k] + 1) * 127.5, 2);
            }
            assertThat(Math.sqrt(squares / disc.length)).isLessThan(25.5);
        }
    }

    @Test
    void provenanceNamesTheFileItBelongsTo() throws IOException {
        try (PatchAutoencoder autoencoder =
                PatchAutoencoder.embedded(Engine.getInstance().defaultDevice())) {
            JsonObject provenance = JsonParser.parseString(PatchAutoencoder.embeddedProvenance())
                    .getAsJsonObject();

            assertThat(provenance.get("sha256").getAsString()).isEqualTo(autoencoder.sha256());
            assertThat(provenance.get("command").getAsString())
                    .isEqualTo("maskalign train-autoencoder configs/emoji-64-autoencoder.yaml");
        }
    }

    @Test
    void standardisedLatentsDecodeToTheSamePictures() throws IOException {
        double[] mean = {0.5, -1, 2, 0};
        double[] std = {0.25, 3, 1, 0.5};
        Path plain = folder.resolve("plain.safetensors");
        Path standard = folder.resolve("standard.safetensors");
        try (NDManager manager = NDManager.newBaseManager(Engine.getInstance().defaultDevice())) {
            Map<String, NDArray> weights = fresh(manager);
            TrainablePatchAutoencoder.write(plain, weights);
            TrainablePatchAutoencoder.writeStandardised(standard, weights, mean, std);
            try (PatchAutoencoder a =
                            PatchAutoencoder.open(plain, Engine.getInstance().defaultDevice());
                    PatchAutoencoder b =
                            PatchAutoencoder.open(standard, Engine.getInstance().defaultDevice())) {
                NDArray pictures = pictures(manager, 1, 16);
                LatentMoments before = a.encode(pictures);
                LatentMoments after = b.encode(pictures);
                float[] means = before.mean().toFloatArray();
                float[] stds = before.std().toFloatArray();

                for (int k = 0; k < means.length; k++) {
                    int c = k / 16; // 4 x 4 latent pixels
                    // 1 %: weights are rounded to float16 before and after
                    assertThat(after.mean().toFloatArray()[k])
                            .isCloseTo((float) ((means[k] - mean[c]) / std[c]), within(0.01f));
                    assertThat(after.std().toFloatArray()[k])
                            .isCloseTo((float) (stds[k] / std[c]), within(0.01f * (float) (stds[k] / std[c])));
                }
                float[] decoded = a.decode(before.mean()).toFloatArray();
                float[] again = b.decode(after.mean()).toFloatArray();
                for (int k = 0; k < decoded.length; k++) {
                    assertThat(again[k]).isCloseTo(decoded[k], within(0.01f));
                }
            }
        }
    }

    @Test
    void weightsAreKeptAsFloat16() throws IOException {
        Path file = folder.resolve("weights.safetensors");
        try (NDManager manager = NDManager.newBaseManager(Engine.getInstance().defaultDevice())) {
            TrainablePatchAutoencoder.write(file, fresh(manager));
        }
        try (SafetensorsFile written = SafetensorsFile.open(file)) {
            assertThat(written.tensors().values()).isNotEmpty().allMatch(tensor -> tensor.type() == TensorType.F16);
        }
        assertThat(Files.size(file)).isLessThan(3_000_000);
    }

    @Test
    void otherWeightsAreRefusedByName() throws IOException {
        Path file = folder.resolve("other.safetensors");
        try (NDManager manager = NDManager.newBaseManager(Engine.getInstance().defaultDevice())) {
            Map<String, NDArray> weights = fresh(manager);
            weights.remove("decoder.conv_out.bias");
            weights.put("decoder.blocks.0.conv1.bias", manager.zeros(new Shape(7)));
            TrainablePatchAutoencoder.write(file, weights);
        }

        assertThatThrownBy(
                        () -> PatchAutoencoder.open(file, Engine.getInstance().defaultDevice()))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("other.safetensors")
                .hasMessageContaining("decoder.conv_out.bias")
                .hasMessageContaining("decoder.blocks.0.conv1.bias");
    }

    @Test
    void picturesOfOtherSidesAndTypesAreRefused() throws IOException {
        try (PatchAutoencoder autoencoder =
                        PatchAutoencoder.embedded(Engine.getInstance().defaultDevice());
                NDManager manager =
                        NDManager.newBaseManager(Engine.getInstance().defaultDevice())) {
            assertThatThrownBy(() -> autoencoder.encode(pictures(manager, 1, 18)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("multiples of 4");
            assertThatThrownBy(() -> autoencoder.decode(manager.zeros(new Shape(1, 3, 2, 2))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("(N, 4, h, w)");
        }
    }

    private static Map<String, NDArray> fresh(NDManager manager) {
        manager.getEngine().setRandomSeed(3);
        Map<String, NDArray> out = new LinkedHashMap<>();
        try (GradMode off = GradMode.off()) {
            new TrainablePatchAutoencoder(WEIGHTING, manager)
                    .parameters()
                    .forEach((key, parameter) -> out.put(key, parameter.getArray()));
        }
        return out;
    }

    private static NDArray pictures(NDManager manager, int count, int side) {
        manager.getEngine().setRandomSeed(5);
        return manager.randomUniform(0, 255, new Shape(count, 3, side, side)).toType(DataType.UINT8, true);
    }
}
