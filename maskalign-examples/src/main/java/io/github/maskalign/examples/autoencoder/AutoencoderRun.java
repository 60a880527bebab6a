package io.github.maskalign.examples.autoencoder;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.vae.PatchAutoencoder;
import io.github.maskalign.encoders.vae.TrainablePatchAutoencoder;
import io.github.maskalign.examples.emoji.EmojiConfig;
import io.github.maskalign.examples.emoji.EmojiSet;
import io.github.maskalign.examples.training.ObjectiveRun;
import io.github.maskalign.examples.training.SmallModelRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains the autoencoder in a folder of its own, exports it and measures it.
 *
 * <p>Besides what {@link ObjectiveRun} writes, the folder holds at the end {@code emoji-vae.safetensors} (averaged
 * weights, latents standardised on the training drawings) and {@code emoji-vae.json}: how it was made, how well the
 * held-out artist's drawings come back, and the hash of the weights.
 */
public final class AutoencoderRun extends SmallModelRun<AutoencoderConfig> {
    private static final Logger LOG = LoggerFactory.getLogger(AutoencoderRun.class);
    private static final String WEIGHTS = "emoji-vae.safetensors";
    private static final String PROVENANCE = "emoji-vae.json";
    private static final int SIDE = 64;
    private static final Gson GSON =
            new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();

    /**
     * Describes a run.
     *
     * @param config what to train
     * @param folder the run's folder; made if it does not exist
     * @param cache where drawn pictures are kept
     * @param version version of this program, for the provenance
     */
    public AutoencoderRun(Bound<AutoencoderConfig> config, Path folder, Path cache, String version) {
        super("autoencoder", config, folder, cache, version);
    }

    @Override
    protected StopReason run(ObjectiveRun training) throws IOException {
        AutoencoderConfig wanted = config.value();
        EmojiSet pictures = open(wanted.sets());
        EmojiSet heldOut = open(List.of(wanted.heldOut()));
        LOG.info(
                "{} drawings of {}; {} of {} are held out",
                pictures.size(),
                wanted.sets(),
                heldOut.size(),
                wanted.heldOut());
        return training.run(wanted.train(), wanted.optim(), new Model(pictures, heldOut));
    }

    private EmojiSet open(List<String> sets) throws IOException {
        return EmojiSet.open(new EmojiConfig(sets, SIDE, false, true), cache, ObjectiveRun::drawing);
    }

    /** The autoencoder and its drawings. */
    private final class Model implements ObjectiveRun.Model {
        private final EmojiSet pictures;
        private final EmojiSet heldOut;

        Model(EmojiSet pictures, EmojiSet heldOut) {
            this.pictures = pictures;
            this.heldOut = heldOut;
        }

        @Override
        public Objective open(NDManager manager) {
            return new AutoencoderObjective(config.value(), pictures, manager);
        }

        @Override
        public void publish(TrainState state) throws IOException {
            Map<String, NDArray> averaged = state.ema();
            Path raw = folder.resolve("measured.safetensors");
            TrainablePatchAutoencoder.write(raw, averaged);
            LatentStatistics latents;
            try (PatchAutoencoder autoencoder = PatchAutoencoder.open(raw, Device.cpu())) {
                latents = LatentStatistics.of(autoencoder, pictures);
            }
            Files.delete(raw);
            Path weights = folder.resolve(WEIGHTS);
            TrainablePatchAutoencoder.writeStandardised(weights, averaged, latents.mean(), latents.std());
            // measured as it is published, rounded to float16
            try (PatchAutoencoder autoencoder = PatchAutoencoder.open(weights, Device.cpu());
                    RepresentationEncoder teacher = Encoders.embeddedTeacher(64, SIDE, Device.cpu())) {
                Reconstruction found = Reconstruction.of(autoencoder, heldOut, teacher);
                LOG.info("{}", found);
                long parameters =
                        averaged.values().stream().mapToLong(NDArray::size).sum();
                JsonObject provenance = new AutoencoderProvenance(config, version, pictures, heldOut)
                        .with(state.step(), parameters, found);
                provenance.addProperty("sha256", autoencoder.sha256());
                AtomicFile.write(folder.resolve(PROVENANCE), GSON.toJson(provenance) + "\n");
            }
        }
    }
}
