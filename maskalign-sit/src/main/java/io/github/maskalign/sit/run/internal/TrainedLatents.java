package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.Autoencoder.LatentScaling;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.internal.SampleSettings.AutoencoderChoice;
import io.github.maskalign.sit.weights.internal.OpenWeights;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The latents that averaged weights of a run with {@code terms.endToEnd} are for: those of the autoencoder that was trained along
 * with these very weights, normalised by the running statistics in their file.
 *
 * <pre>z = (mean + std · n − bn.running_mean) / √(bn.running_var + 1e-4)</pre>
 *
 * @param file the autoencoder's weights, or those of the state that they are part of
 * @param autoencoder opens it
 * @param norm from its latents to the model's
 */
public record TrainedLatents(Path file, AutoencoderChoice autoencoder, LatentScaling norm) {
    private static final String WEIGHTS = "weights.safetensors";

    /**
     * Finds what belongs to averaged weights; empty unless their run trained its autoencoder. Nothing is opened for long.
     *
     * @throws FileNotFoundException if the autoencoder is not there
     */
    public static Optional<TrainedLatents> of(TrainedWeights weights) throws IOException {
        RunConfig run = weights.config();
        if (!EndToEndRun.isMeant(run)) {
            return Optional.empty();
        }
        LatentScaling norm;
        try (OpenWeights averaged = OpenWeights.open(weights.weights(), null, Unknown.REFUSE)) {
            norm = EndToEndRun.scaling(averaged.tensors());
        }
        Path state = weights.weights().toAbsolutePath().resolveSibling(WEIGHTS);
        try {
            AutoencoderChoice own = EndToEndRun.trained(run, weights.folder(), weights.weights());
            return Optional.of(new TrainedLatents(Path.of(own.name()), own, norm));
        } catch (FileNotFoundException e) {
            if (!Files.isRegularFile(state)) { // beside the averages of a checkpoint, which need not have a snapshot
                throw e;
            }
            AutoencoderChoice own =
                    new AutoencoderChoice(state.toString(), (device, precision) -> opened(run, state, device));
            return Optional.of(new TrainedLatents(state, own, norm));
        }
    }

    private static Autoencoder opened(RunConfig run, Path state, Device device) throws IOException {
        try (NDManager scratch = NDManager.newBaseManager(device);
                SafetensorsFile file = SafetensorsFile.open(state)) {
            Map<String, NDArray> own = new LinkedHashMap<>();
            for (Map.Entry<String, TensorSource> tensor :
                    file.stateDict().tensors().entrySet()) {
                if (EndToEndRun.isBesideTheModel(tensor.getKey())) {
                    own.put(tensor.getKey(), tensor.getValue().read(scratch));
                }
            }
            return EndToEndRun.opened(run, device, own);
        }
    }

    /** Returns the hash of the file that the autoencoder is from. */
    public String sha256() throws IOException {
        return Digests.sha256(file);
    }

    /** Opens the autoencoder. */
    public Coder open(Device device) throws IOException {
        return new Coder(autoencoder.opening().open(device, Precision.FLOAT32), norm);
    }

    /**
     * Makes latents of pictures.
     *
     * @param autoencoder the autoencoder, closed with this
     * @param norm from its latents to the model's
     */
    public record Coder(Autoencoder autoencoder, LatentScaling norm) implements AutoCloseable {
        /**
         * Encodes some pictures at a time.
         *
         * @param images (N, 3, H, W), uint8
         * @param noise of the posterior (N, C, h, w), standard normal, on whose manager everything is put
         * @return the model's latents (N, C, h, w)
         */
        public NDArray latents(NDArray images, NDArray noise) {
            int all = (int) images.getShape().get(0);
            NDList parts = new NDList();
            try (GradMode constants = GradMode.off()) {
                for (int from = 0; from < all; from += PictureDecoder.USUAL_BATCH) {
                    NDIndex some = new NDIndex(from + ":" + Math.min(all, from + PictureDecoder.USUAL_BATCH));
                    NDArray pictures = images.get(some);
                    pictures.attach(noise.getManager());
                    parts.add(norm.toModel(autoencoder.encode(pictures).sample(noise.get(some))));
                }
                return NDArrays.concat(parts);
            }
        }

        @Override
        public void close() {
            autoencoder.close();
        }
    }
}
