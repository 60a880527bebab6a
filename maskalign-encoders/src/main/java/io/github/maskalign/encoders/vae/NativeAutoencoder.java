package io.github.maskalign.encoders.vae;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.encoders.vae.Autoencoder.LatentMoments;
import io.github.maskalign.encoders.vae.Autoencoder.LatentScaling;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * diffusers' {@code AutoencoderKL} as DJL blocks, with its published weights.
 *
 * <p>Convolutions, residual blocks and one attention over all pixels in the middle (arXiv 2112.10752, appendix G). Norms
 * are float32 in both precisions.
 */
public final class NativeAutoencoder implements Autoencoder {
    private static final List<String> FILES =
            List.of("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin");

    /** Names of the middle attention in files written before diffusers 0.18, and since then. */
    private static final Map<String, String> RENAMED =
            Map.of("query.", "to_q.", "key.", "to_k.", "value.", "to_v.", "proj_attn.", "to_out.0.");

    private final VaeConfig config;
    private final Path file;
    private final NDManager manager;
    private final Chain encoder;
    private final Chain decoder;
    private final ParameterStore store;
    private final ScriptFunction scaled = ScriptFunction.of(NativeAutoencoder.class, "vae.py", "scaled");
    private final ScriptFunction moments = ScriptFunction.of(NativeAutoencoder.class, "vae.py", "moments");

    private NativeAutoencoder(VaeConfig config, Path file, NDManager manager, Precision precision) {
        this.config = config;
        this.file = file;
        this.manager = manager;
        encoder = Chain.encoder(config, precision);
        decoder = Chain.decoder(config, precision);
        store = new ParameterStore(manager, false);
    }

    /**
     * Opens an autoencoder.
     *
     * @param path a folder of diffusers with {@code config.json} and weights, or a weights file beside its
     *     {@code config.json}; without that file the shape is {@link VaeConfig#STABLE_DIFFUSION}
     * @throws CheckpointFormatException if config or weights are of another model, with all differences
     */
    public static NativeAutoencoder open(Path path, Device device, Precision precision) throws IOException {
        Path file = path;
        if (Files.isDirectory(path)) {
            file = FILES.stream()
                    .map(path::resolve)
                    .filter(Files::exists)
                    .findFirst()
                    .orElseThrow(
                            () -> new CheckpointFormatException(path, "the folder has none of the files " + FILES));
        }
        Path folder = file.toAbsolutePath().getParent();
        VaeConfig config = folder != null && Files.exists(folder.resolve("config.json"))
                ? VaeConfig.read(folder)
                : VaeConfig.STABLE_DIFFUSION;
        NDManager manager = NDManager.newBaseManager(device);
        try (WeightsFile weights = WeightsFile.open(file)) {
            NativeAutoencoder vae = new NativeAutoencoder(config, file, manager, precision);
            vae.load(weights.stateDict());
            return vae;
        } catch (IOException | RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    /** Creates an autoencoder with random weights, as training would begin; {@code file} says "untrained". */
    public static NativeAutoencoder untrained(VaeConfig config, Device device, Precision precision) {
        NativeAutoencoder vae =
                new NativeAutoencoder(config, Path.of("untrained"), NDManager.newBaseManager(device), precision);
        vae.initialize();
        return vae;
    }

    /**
     * Writes the weights and {@code config.json} as diffusers does, into a folder that must exist.
     *
     * @throws IOException if a file cannot be written
     */
    public void save(Path folder) throws IOException {
        Map<String, NDArray> weights = new LinkedHashMap<>(Weights.of(encoder));
        weights.putAll(Weights.of(decoder));
        SafetensorsWriter.write(folder.resolve(FILES.get(0)), StateDict.of(weights), Map.of("format", "pt"));
        AtomicFile.write(folder.resolve("config.json"), config.toJson());
    }

    private void initialize() {
        try (GradMode off = GradMode.off()) {
            int side = reduction();
            encoder.initialize(manager, DataType.FLOAT32, new Shape(1, 3, side, side));
            decoder.initialize(manager, DataType.FLOAT32, new Shape(1, config.latentChannels(), 1, 1));
        }
    }

    private void load(StateDict published) throws IOException {
        initialize();
        Map<String, NDArray> own = new LinkedHashMap<>(Weights.of(encoder));
        own.putAll(Weights.of(decoder));
        Map<String, TensorSource> renamed = new LinkedHashMap<>();
        published.tensors().forEach((key, tensor) -> {
            String name = officialName(key);
            NDArray target = own.get(name);
            renamed.put(name, target == null ? tensor : asMatrix(tensor, target.getShape()));
        });
        try {
            StateDict.ofTensors(renamed).copyTo(own);
        } catch (CheckpointFormatException e) {
            throw new CheckpointFormatException(file.toString(), e.problems());
        }
    }

    private static String officialName(String key) {
        for (Map.Entry<String, String> old : RENAMED.entrySet()) {
            String part = "attentions.0." + old.getKey();
            if (key.contains(part)) {
                return key.replace(part, "attentions.0." + old.getValue());
            }
        }
        return key;
    }

    /** The oldest files keep the attention's matrices as 1 × 1 convolutions. */
    private static TensorSource asMatrix(TensorSource tensor, Shape wanted) {
        Shape found = tensor.shape();
        boolean convolution =
                found.dimension() == 4 && wanted.dimension() == 2 && found.get(2) == 1 && found.get(3) == 1;
        return convolution ? new Reshaped(tensor, new Shape(found.get(0), found.get(1))) : tensor;
    }

    private record Reshaped(TensorSource source, Shape shape) implements TensorSource {
        @Override
        public io.github.maskalign.core.files.TensorType type() {
            return source.type();
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            source.sendTo(sink);
        }

        @Override
        public String origin() {
            return source.origin();
        }
    }

    /** Returns the shape of the model. */
    public VaeConfig config() {
        return config;
    }

    @Override
    public LatentScaling scaling() {
        return LatentScaling.of(config.scalingFactor(), 0);
    }

    @Override
    public Path file() {
        return file;
    }

    @Override
    public int latentChannels() {
        return config.latentChannels();
    }

    @Override
    public int reduction() {
        return config.reduction();
    }

    @Override
    public LatentMoments encode(NDArray images) {
        AutoencoderInputs.requireImages(images, reduction());
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
        AutoencoderInputs.requireLatents(latents, latentChannels());
        NDManager owner = latents.getManager();
        try (GradMode off = GradMode.off();
                NDManager scratch = owner.newSubManager()) {
            NDArray z = latents.duplicate();
            z.attach(scratch); // results belong to the manager of their first input
            NDArray image = decoder.forward(store, new NDList(z), false).singletonOrThrow();
            image.attach(owner);
            return image;
        }
    }

    @Override
    public Optional<TrainableAutoencoder> trainable() {
        return Optional.of(TrainableAutoencoder.of(encoder, decoder, store, Optional.of(config.toJson())));
    }

    /** Returns the number of trained numbers. */
    public long parameters() {
        List<NDArray> all = new ArrayList<>(Weights.of(encoder).values());
        all.addAll(Weights.of(decoder).values());
        return all.stream().mapToLong(NDArray::size).sum();
    }

    @Override
    public void close() {
        manager.close();
    }
}
