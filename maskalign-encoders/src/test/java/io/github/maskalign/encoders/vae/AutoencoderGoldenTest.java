package io.github.maskalign.encoders.vae;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.script.ScriptModule.ScriptFormatException;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.encoders.vae.Autoencoder.LatentMoments;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares with diffusers' AutoencoderKL. */
@Tag("bits")
@Tag("device")
class AutoencoderGoldenTest {
    /** float32 through a dozen convolutions and norms. */
    private static final double TOLERANCE = 1e-5;

    /** bfloat16 keeps 8 bits, and errors of a dozen layers add up. */
    private static final double BFLOAT16_TOLERANCE = 4e-2;

    private static final Path GOLDEN = Path.of("src", "test", "resources", "golden", "vae");

    @TempDir
    Path folder;

    static Stream<String> cases() {
        return GoldenCase.names(AutoencoderGoldenTest.class, "vae");
    }

    @ParameterizedTest
    @MethodSource("cases")
    void momentsAndPicturesAreThoseOfDiffusers(String name) throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = golden(name, manager);

            compare(open(golden, Precision.FLOAT32), golden, TOLERANCE);
            compare(open(golden, Precision.BFLOAT16), golden, BFLOAT16_TOLERANCE);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "before-0.18.safetensors", "before-0.18.bin"})
    void publishedFilesOfAllAgesAreRead(String file) throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            Path path = GOLDEN.resolve("published").resolve(file);

            compare(
                    NativeAutoencoder.open(path, Engine.getInstance().defaultDevice(), Precision.FLOAT32),
                    golden("levels-3", manager),
                    TOLERANCE);
        }
    }

    @Test
    void torchScriptFilesGiveTheSameAsInPython() throws Exception {
        Path exported = GOLDEN.resolve("exported");
        try (NDManager manager = NDManager.newBaseManager();
                SafetensorsFile expected = SafetensorsFile.open(exported.resolve("outputs.safetensors"));
                Autoencoder vae = TorchScriptAutoencoder.open(
                        exported.resolve("vae-encoder.pt"),
                        ScriptTrust.trusted(),
                        exported.resolve("vae-decoder.pt"),
                        ScriptTrust.pinned(Digests.sha256(exported.resolve("vae-decoder.pt"))),
                        Engine.getInstance().defaultDevice())) {
            assertThat(vae.latentChannels()).isEqualTo(4);
            assertThat(vae.reduction()).isEqualTo(2);
            LatentMoments moments = vae.encode(expected.read("inputs/image", manager));
            NDArray picture = vae.decode(expected.read("inputs/latent", manager));

            assertThat(GoldenCase.relativeError(moments.mean(), expected.read("outputs/mean", manager)))
                    .isLessThan(TOLERANCE);
            assertThat(GoldenCase.relativeError(moments.std(), expected.read("outputs/std", manager)))
                    .isLessThan(TOLERANCE);
            assertThat(GoldenCase.relativeError(picture, expected.read("outputs/picture", manager)))
                    .isLessThan(TOLERANCE);
        }
    }

    @Test
    void changedTorchScriptFileIsNotRun() {
        Path exported = GOLDEN.resolve("exported");

        assertThatThrownBy(() -> TorchScriptAutoencoder.open(
                        exported.resolve("vae-encoder.pt"),
                        ScriptTrust.pinned("0".repeat(64)),
                        exported.resolve("vae-decoder.pt"),
                        ScriptTrust.trusted(),
                        Engine.getInstance().defaultDevice()))
                .isInstanceOf(ScriptFormatException.class)
                .hasMessageContaining("vae-encoder.pt: must have the SHA-256 0000");
        assertThatThrownBy(() -> TorchScriptAutoencoder.open(
                        exported.resolve("vae-encoder.pt"),
                        ScriptTrust.trusted(),
                        exported.resolve("vae-decoder.pt"),
                        ScriptTrust.pinned("0".repeat(64)),
                        Engine.getInstance().defaultDevice()))
                .isInstanceOf(ScriptFormatException.class)
                .hasMessageContaining("vae-decoder.pt: must have the SHA-256 0000");
    }

    @Test
    void stableDiffusionHasItsPublishedSize() throws Exception {
        // 83,653,863 in sd-vae-ft-mse, as its model card and every loader count them
        long parameters = 0;
        for (Chain part : new Chain[] {
            Chain.encoder(VaeConfig.STABLE_DIFFUSION, Precision.FLOAT32),
            Chain.decoder(VaeConfig.STABLE_DIFFUSION, Precision.FLOAT32)
        }) {
            parameters += part.getParameters().values().stream()
                    .mapToLong(p -> p.getShape().size())
                    .sum();
        }
        assertThat(parameters).isEqualTo(83_653_863);
    }

    @Test
    void nothingIsLeftBehind() throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = golden("levels-3", manager);
            try (NativeAutoencoder vae = open(golden, Precision.FLOAT32)) {
                vae.decode(golden.get("inputs/latent")).close();
                int before = manager.getManagedArrays().size();

                vae.decode(golden.get("inputs/latent")).close();
                vae.encode(golden.get("inputs/image")).close();

                assertThat(manager.getManagedArrays()).hasSize(before);
            }
        }
    }

    @Test
    void savedWeightsAreOpenedAgain() throws Exception {
        VaeConfig config = new VaeConfig(3, java.util.List.of(8, 12), 1, 4, true, false, 0.5);
        try (NDManager manager = NDManager.newBaseManager();
                NativeAutoencoder fresh =
                        NativeAutoencoder.untrained(config, Engine.getInstance().defaultDevice(), Precision.FLOAT32)) {
            fresh.save(folder);
            try (NativeAutoencoder again =
                    NativeAutoencoder.open(folder, Engine.getInstance().defaultDevice(), Precision.FLOAT32)) {
                NDArray latent = manager.randomNormal(new ai.djl.ndarray.types.Shape(1, 3, 4, 6));

                assertThat(again.config()).isEqualTo(config);
                assertThat(again.decode(latent).toFloatArray())
                        .isEqualTo(fresh.decode(latent).toFloatArray());
            }
        }
    }

    @Test
    void weightsThatDoNotFitAreAllNamed() throws Exception {
        Path published = GOLDEN.resolve("published");
        Files.copy(published.resolve("config.json"), folder.resolve("config.json"));
        Path file = folder.resolve("diffusion_pytorch_model.safetensors");
        try (SafetensorsFile good = SafetensorsFile.open(published.resolve("diffusion_pytorch_model.safetensors"))) {
            Map<String, TensorSource> tensors =
                    new LinkedHashMap<>(good.stateDict().tensors());
            tensors.remove("decoder.conv_in.bias");
            tensors.put("encoder.conv_in.bias", TensorSource.of(new ai.djl.ndarray.types.Shape(2), new float[2]));
            tensors.put("extra", TensorSource.of(new ai.djl.ndarray.types.Shape(1), new float[1]));
            SafetensorsWriter.write(file, StateDict.ofTensors(tensors), Map.of());
        }

        assertThatThrownBy(() ->
                        NativeAutoencoder.open(folder, Engine.getInstance().defaultDevice(), Precision.FLOAT32))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining(file.toString())
                .hasMessageContaining("\"decoder.conv_in.bias\" with shape (16) is missing")
                .hasMessageContaining("\"encoder.conv_in.bias\" must have shape (8) but has (2)")
                .hasMessageContaining("\"extra\" with shape (1) is unexpected");
    }

    @Test
    void configsOfOtherModelsAreRefused() throws Exception {
        Files.writeString(
                folder.resolve("config.json"),
                "{\"_class_name\": \"AutoencoderTiny\", \"block_out_channels\": [8, \"x\"], \"act_fn\": \"relu\","
                        + " \"shift_factor\": 0.1, \"down_block_types\": [\"AttnDownEncoderBlock2D\"], \"new_thing\": 1,"
                        + " \"use_quant_conv\": \"yes\", \"layers_per_block\": 2.7}");

        assertThatThrownBy(() -> VaeConfig.read(folder))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("_class_name must be AutoencoderKL but is \"AutoencoderTiny\"")
                .hasMessageContaining("act_fn must be silu")
                .hasMessageContaining("shift_factor must be null but is 0.1")
                .hasMessageContaining("block_out_channels must be a list of whole numbers")
                .hasMessageContaining("down_block_types must be")
                .hasMessageContaining("use_quant_conv must be true or false but is \"yes\"")
                .hasMessageContaining("layers_per_block must be a whole number but is 2.7")
                .hasMessageContaining("new_thing is not known");
    }

    @Test
    void wrongInputsAreNamed() throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = golden("levels-3", manager);
            try (NativeAutoencoder vae = open(golden, Precision.FLOAT32)) {
                assertThatThrownBy(() -> vae.decode(golden.get("inputs/image")))
                        .hasMessage("latents must be float32 (N, 4, h, w) but were uint8 (2, 3, 16, 24)");
                assertThatThrownBy(() -> vae.encode(golden.get("inputs/latent")))
                        .hasMessageContaining("multiples of 4 but were float32");
            }
        }
    }

    private static GoldenCase golden(String name, NDManager manager) {
        return GoldenCase.load(AutoencoderGoldenTest.class, "vae", name, manager);
    }

    private NativeAutoencoder open(GoldenCase golden, Precision precision) throws IOException {
        Files.writeString(folder.resolve("config.json"), golden.metadata().get("config"));
        Path file = folder.resolve("diffusion_pytorch_model.safetensors");
        SafetensorsWriter.write(file, StateDict.of(golden.under("weights/")), Map.of());
        return NativeAutoencoder.open(folder, Engine.getInstance().defaultDevice(), precision);
    }

    private static void compare(Autoencoder vae, GoldenCase golden, double tolerance) {
        try (vae) {
            LatentMoments moments = vae.encode(golden.get("inputs/image"));
            NDArray picture = vae.decode(golden.get("inputs/latent"));

            assertThat(GoldenCase.relativeError(moments.mean(), golden.get("outputs/mean")))
                    .isLessThan(tolerance);
            assertThat(GoldenCase.relativeError(moments.std(), golden.get("outputs/std")))
                    .isLessThan(tolerance);
            assertThat(GoldenCase.relativeError(picture, golden.get("outputs/picture")))
                    .isLessThan(tolerance);
        }
    }
}
