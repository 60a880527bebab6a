package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.internal.Share;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.sample.Guidance.Unconditional;
import io.github.maskalign.core.sample.Sampler.SampleListener;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.Autoencoder.LatentScaling;
import io.github.maskalign.sit.SiTConfig.ModelConfig;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.internal.SampleSettings.AutoencoderChoice;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Draws the pictures of a model, with an open file of its weights. Ranks share them; rank 0 writes.
 *
 * @param manager manager on the device
 * @param model the model and how it is sampled
 * @param wanted the pictures
 * @param decoding how they are decoded
 * @param batch pictures computed at a time
 * @param names what the classes are called, if anybody knows
 */
public record SampleWork(
        NDManager manager,
        SampleSource model,
        SampleSettings.Wanted wanted,
        SampleSettings.Decoding decoding,
        int batch,
        ClassNames names) {
    /** The fact that says which of a run's weights are meant. */
    public static final String KIND = "kind";

    /** Writes the latents to a file. */
    public Path latents(Path file, Agreement agreement, Progress.Display display) throws IOException {
        ModelConfig sizes = model.model().model();
        int values = valuesOf(agreement);
        long[] classes = wanted.classes(sizes.numClasses());
        float[] x = rows(agreement).gather(agreement.together(() -> share(agreement, classes, display)), values);
        if (agreement.ranks().isRoot()) {
            Shape shape =
                    new Shape(wanted.count(), model.model().latentChannels(), sizes.inputSize(), sizes.inputSize());
            Map<String, TensorSource> tensors = Map.of(
                    "latents",
                    TensorSource.of(shape, x),
                    "labels",
                    TensorSource.of(new Shape(wanted.count()), classes));
            SafetensorsWriter.write(file, StateDict.ofTensors(tensors), Map.of("seed", Long.toString(wanted.seed())));
        }
        return file;
    }

    /**
     * Writes one sheet of all pictures.
     *
     * @param scale how many times a picture is enlarged
     */
    public Path grid(Path file, int scale, Agreement agreement, Progress.Display display) throws IOException {
        long[] classes = wanted.classes(model.model().model().numClasses());
        valuesOf(agreement);
        try (PictureDecoder decoder = agreement.together(this::decoder)) {
            int wide = decoder.side(model.model());
            requireSheet(wide, scale);
            byte[] mine = agreement.together(() -> {
                float[] x = share(agreement, classes, display);
                return x.length == 0 // more ranks than pictures
                        ? new byte[0]
                        : decoder.decode(
                                        manager,
                                        model.model(),
                                        x,
                                        shareOf(agreement).count())
                                .pixels();
            });
            byte[] gathered = rows(agreement).gather(mine, 3 * wide * wide);
            if (agreement.ranks().isRoot()) {
                Pictures pictures = new Pictures(wanted.count(), 3, wide, wide, gathered);
                SampleGrid fitting = SampleGrid.fitting(pictures);
                new SampleGrid(fitting.columns(), fitting.padding(), scale)
                        .draw(pictures, names.captions(classes))
                        .write(file);
            }
        }
        return file;
    }

    /** Returns the values of a latent, of which there may not be too many for an array. */
    private int valuesOf(Agreement agreement) {
        int side = model.model().model().inputSize();
        int values = model.model().latentChannels() * side * side;
        int most =
                Integer.MAX_VALUE / values / (agreement.ranks().size() == 1 ? 1 : Float.BYTES); // ranks exchange bytes
        if (wanted.count() > most) {
            throw new IllegalArgumentException(
                    "--num must be at most " + most + " here but was " + wanted.count() + "; --folder takes more");
        }
        return values;
    }

    /** Refuses a grid that could not be drawn once all its pictures are there. */
    private void requireSheet(int side, int scale) {
        long heap = Runtime.getRuntime().maxMemory();
        SampleGrid.problem(wanted.count(), side, scale, heap).ifPresent(problem -> {
            throw new IllegalArgumentException("--num " + wanted.count() + " pictures of " + side
                    + " pixels at --scale " + scale + " " + problem
                    + "; choose less of either, or --folder for single pictures");
        });
    }

    private RankedRows rows(Agreement agreement) {
        return new RankedRows(agreement.ranks(), manager, wanted.count());
    }

    private Share shareOf(Agreement agreement) {
        Communicator ranks = agreement.ranks();
        return Share.of(wanted.count(), ranks.size(), ranks.rank());
    }

    /** Draws the latents of this rank's share. */
    private float[] share(Agreement agreement, long[] classes, Progress.Display display) throws IOException {
        Share share = shareOf(agreement);
        long[] some = Arrays.copyOfRange(classes, (int) share.first(), (int) share.first() + share.count());
        VelocityField field = model.loader().load(manager);
        if (some.length == 0) {
            return new float[0];
        }
        try (Progress progress = display.open(plan(share.count()))) {
            int[] done = {0};
            return sampling().draw(manager, field, some, share.first(), wanted.seed(), (step, of, t) -> {
                if (step == of) {
                    progress.step(++done[0], Double.NaN);
                }
            });
        }
    }

    /**
     * Writes single pictures, as far as they are not there. Every picture depends on its number alone, so batches may be
     * drawn in any order by any process.
     *
     * @param npz file for all pictures, once they are there; null for none
     * @param facts what else the pictures depend on
     * @param stopped whether to end after the batch
     */
    public Path folder(
            Path target,
            @Nullable Path npz,
            Map<String, String> facts,
            BooleanSupplier stopped,
            Agreement agreement,
            Progress.Display display)
            throws IOException {
        Communicator ranks = agreement.ranks();
        int count = wanted.count();
        long[] classes = wanted.classes(model.model().model().numClasses());
        VelocityField field = model.loader().load(manager);
        SampleFolder opened;
        try (PictureDecoder decoder = agreement.together(this::decoder);
                Progress progress = display.open(plan(count))) {
            SampleFolder files = agreement.together(() -> {
                SampleFolder some = SampleFolder.open(target, count, settings(facts, decoder, classes));
                if (ranks.isRoot()) {
                    protocol(facts, decoder).addTo(target);
                }
                return some;
            });
            opened = files;
            int together = Math.multiplyExact(batch, ranks.size());
            try (Closeable lock = agreement.together(() -> writing(files, ranks))) {
                // a word after each round: no rank gets so far ahead that it takes the others for stuck
                for (int round = 0; round < count && !agreement.any(stopped.getAsBoolean()); round += together) {
                    int first = round + batch * ranks.rank();
                    int last = Math.min(count, first + batch);
                    if (first < count && !files.has(first, last)) {
                        long[] some = Arrays.copyOfRange(classes, first, last);
                        float[] x = sampling().draw(manager, field, some, first, wanted.seed(), SampleListener.NONE);
                        files.write(first, decoder.decode(manager, model.model(), x, some.length));
                    }
                    progress.step((last + batch - 1) / batch, Double.NaN);
                }
            }
        }
        agreement.any(
                stopped.getAsBoolean()); // rank 0 may need the pictures of all, and a rank that failed says so here
        if (npz != null && ranks.isRoot() && opened.has(0, count)) {
            opened.writeNpz(npz);
            return npz;
        }
        return target;
    }

    private static Closeable writing(SampleFolder files, Communicator ranks) throws IOException {
        return ranks.isRoot() ? files.clear() : () -> {};
    }

    private Protocol protocol(Map<String, String> facts, PictureDecoder decoder) throws IOException {
        return Protocol.ofDrawing(
                model.sampling(),
                wanted.rule(),
                wanted.seed(),
                wanted.count(),
                facts.getOrDefault(KIND, "file"),
                decoder,
                model.precision());
    }

    /** What pictures depend on. A run's newest weights change while it trains, so files are told by their content. */
    private Map<String, String> settings(Map<String, String> facts, PictureDecoder decoder, long[] classes)
            throws IOException {
        Map<String, String> settings = new TreeMap<>(facts);
        settings.remove(KIND); // told by the file already
        settings.put("count", Integer.toString(wanted.count()));
        settings.put("seed", Long.toString(wanted.seed()));
        int guided = model.sampling().guidance().legacyGuidedChannels();
        // the words of earlier versions, whose folders can so be gone on with
        String sampling = model.sampling().toString().replace(", legacyGuidedChannels=" + guided, "");
        if (model.sampling().guidance().unconditional() == Unconditional.NULL_LABEL) {
            sampling = sampling.replace(", unconditional=" + Unconditional.NULL_LABEL, "")
                    .replace(", routes=" + model.sampling().guidance().routes(), "");
        }
        settings.put("sampling", sampling);
        settings.put("guided_channels", guided == 0 ? "all" : "first " + guided);
        settings.put("pixels", decoder.pixels().name());
        settings.put("precision", model.precision().name());
        settings.put("labels_sha256", Digests.sha256(Arrays.toString(classes)));
        AutoencoderChoice autoencoder = decoding.autoencoder();
        settings.put("decoder", autoencoder == null ? AutoencoderChoice.NONE : autoencoder.name());
        if (decoder.sha256().isPresent()) {
            settings.put("decoder_sha256", decoder.sha256().get());
            settings.put("decoder_tile", Integer.toString(decoding.tile()));
        }
        return settings;
    }

    private PictureDecoder decoder() throws IOException {
        Device device = manager.getDevice();
        PixelScaling rule = decoding.pixels() == null ? model.pixels() : decoding.pixels();
        PictureDecoder decoder = PictureDecoder.ofPixels(rule);
        AutoencoderChoice autoencoder = decoding.autoencoder();
        if (autoencoder != null) {
            Autoencoder vae = autoencoder.opening().open(device, Precision.FLOAT32);
            LatentScaling scaling = model.scaling() == null ? vae.scaling() : model.scaling();
            decoder = PictureDecoder.of(vae, scaling, rule, decoding.batch(), decoding.tile());
        }
        try {
            decoder.requireFits(model.model());
            return decoder;
        } catch (IllegalArgumentException e) {
            decoder.close();
            throw e;
        }
    }

    private LatentSampling sampling() {
        return new LatentSampling(model.model(), model.path(), model.sampling(), batch);
    }

    private Progress.Plan plan(int pictures) {
        long batches = ((long) pictures + batch - 1) / batch;
        return new Progress.Plan("sample", 0, batches, batch, 1);
    }
}
