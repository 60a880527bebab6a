package io.github.maskalign.encoders.vae;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.ScriptFunction;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A small autoencoder that computes on patches of 4 × 4 pixels, such as the one that comes with the library: pictures
 * (N, 3, H, W) to latents (N, 4, H/4, W/4) and back.
 *
 * <p>Its latents have mean 0 and variance 1 as they are. Weights are float16 in the file and float32 in memory.
 */
public final class PatchAutoencoder implements Autoencoder {
    /** Side of a patch in pixels. */
    static final int PATCH = 4;

    /** Latent channels C. */
    static final int CHANNELS = 4;

    private static final String EMBEDDED = "emoji-vae.safetensors";
    private static final String PROVENANCE = "emoji-vae.json";
    private static final int ENCODER_WIDTH = 64;
    private static final int ENCODER_BLOCKS = 2;
    private static final int DECODER_WIDTH = 64;
    private static final int DECODER_BLOCKS = 6;
    private static final int PIXELS = 3 * PATCH * PATCH;

    private final Path file;
    private final String sha256;
    private final NDManager manager;
    private final PatchLayers encoder;
    private final PatchLayers decoder;
    private final ParameterStore store;
    private final ScriptFunction scaled = ScriptFunction.of(PatchAutoencoder.class, "vae.py", "scaled");
    private final ScriptFunction moments = ScriptFunction.of(PatchAutoencoder.class, "vae.py", "moments");

    PatchAutoencoder(Path file, String sha256, PatchLayers encoder, PatchLayers decoder, NDManager manager) {
        this.encoder = encoder;
        this.decoder = decoder;
        this.file = file;
        this.sha256 = sha256;
        this.manager = manager;
        store = new ParameterStore(manager, false);
        try (GradMode off = GradMode.off()) {
            initialize(encoder, decoder, manager);
        }
    }

    static PatchLayers newEncoder() {
        return new PatchLayers(PatchLayers.Kind.ENCODER, PIXELS, ENCODER_WIDTH, ENCODER_BLOCKS, 2 * CHANNELS);
    }

    static PatchLayers newDecoder() {
        return new PatchLayers(PatchLayers.Kind.DECODER, CHANNELS, DECODER_WIDTH, DECODER_BLOCKS, PIXELS);
    }

    static void initialize(PatchLayers encoder, PatchLayers decoder, NDManager manager) {
        encoder.initialize(manager, DataType.FLOAT32, new Shape(1, 3, PATCH, PATCH));
        decoder.initialize(manager, DataType.FLOAT32, new Shape(1, CHANNELS, 1, 1));
    }

    /** Returns the weights of both parts by name. */
    static Map<String, Parameter> parameters(PatchLayers encoder, PatchLayers decoder) {
        Map<String, Parameter> out = new LinkedHashMap<>();
        ParameterKeys.of(encoder).forEach((key, parameter) -> out.put("encoder." + key, parameter));
        ParameterKeys.of(decoder).forEach((key, parameter) -> out.put("decoder." + key, parameter));
        return out;
    }

    /**
     * Opens the autoencoder that comes with the library, for 64-pixel emoji: 16 × 16 × 4 latents.
     *
     * @throws IOException if the library's file is damaged
     */
    public static PatchAutoencoder embedded(Device device) throws IOException {
        Path copy = Files.createTempFile("maskalign-", EMBEDDED); // a file of tensors is read by its path
        try {
            Files.write(copy, resource(EMBEDDED));
            return open(copy, Path.of("embedded " + EMBEDDED), device);
        } finally {
            Files.deleteIfExists(copy);
        }
    }

    /** Returns how the embedded autoencoder was made, as JSON: command, data and licences, losses, measures, hash. */
    public static String embeddedProvenance() throws IOException {
        return new String(resource(PROVENANCE), StandardCharsets.UTF_8);
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream in = PatchAutoencoder.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new FileNotFoundException("the library has no resource " + name + "; its build is incomplete");
            }
            return in.readAllBytes();
        }
    }

    /**
     * Opens a file that {@link TrainablePatchAutoencoder} has written.
     *
     * @throws CheckpointFormatException if it holds other weights, with all differences
     */
    public static PatchAutoencoder open(Path file, Device device) throws IOException {
        return open(file, file, device);
    }

    private static PatchAutoencoder open(Path file, Path name, Device device) throws IOException {
        NDManager manager = NDManager.newBaseManager(device);
        try (SafetensorsFile weights = SafetensorsFile.open(file)) {
            PatchAutoencoder autoencoder =
                    new PatchAutoencoder(name, Digests.sha256(file), newEncoder(), newDecoder(), manager);
            Map<String, NDArray> own = new LinkedHashMap<>();
            parameters(autoencoder.encoder, autoencoder.decoder)
                    .forEach((key, parameter) -> own.put(key, parameter.getArray()));
            Map<String, TensorSource> wide = new LinkedHashMap<>();
            for (Map.Entry<String, TensorSource> tensor :
                    weights.stateDict().tensors().entrySet()) {
                wide.put(tensor.getKey(), HalfTensor.widened(tensor.getValue()));
            }
            StateDict.ofTensors(name.toString(), wide).copyTo(own);
            return autoencoder;
        } catch (IOException | RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    /** Writes weights as float16 into a folder that exists; the file is replaced in one step. */
    static void write(Path file, Map<String, TensorSource> weights) throws IOException {
        Map<String, TensorSource> halves = new LinkedHashMap<>();
        for (Map.Entry<String, TensorSource> tensor : weights.entrySet()) {
            halves.put(tensor.getKey(), HalfTensor.of(tensor.getValue()));
        }
        SafetensorsWriter.write(file, StateDict.ofTensors(halves), Map.of("format", "pt"));
    }

    @Override
    public int latentChannels() {
        return CHANNELS;
    }

    @Override
    public int reduction() {
        return PATCH;
    }

    @Override
    public LatentScaling scaling() {
        return LatentScaling.of(1, 0);
    }

    @Override
    public Path file() {
        return file;
    }

    @Override
    public String sha256() {
        return sha256;
    }

    @Override
    public LatentMoments encode(NDArray images) {
        AutoencoderInputs.requireImages(images, PATCH);
        NDManager owner = images.getManager();
        try (GradMode off = GradMode.off();
                NDManager scratch = owner.newSubManager()) {
            NDArray x = scaled.callOn(scratch, images).singletonOrThrow();
            NDArray parameters = encoder.forward(store, new NDList(x), false).singletonOrThrow();
            NDList both = moments.callOn(owner, parameters);
            return new LatentMoments(both.get(0), both.get(1));
        }
    }

    @Override
    public NDArray decode(NDArray latents) {
        AutoencoderInputs.requireLatents(latents, CHANNELS);
        try (GradMode off = GradMode.off()) {
            return decoder.forward(store, new NDList(latents), false).singletonOrThrow();
        }
    }

    @Override
    public Optional<TrainableAutoencoder> trainable() {
        return Optional.of(
                new TrainableAutoencoder(encoder, decoder, parameters(encoder, decoder), store, Optional.empty()));
    }

    @Override
    public void close() {
        manager.close();
    }
}
