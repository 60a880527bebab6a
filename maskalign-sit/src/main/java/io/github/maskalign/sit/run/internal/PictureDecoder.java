package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.Autoencoder.LatentScaling;
import io.github.maskalign.encoders.vae.PatchAutoencoder;
import io.github.maskalign.encoders.vae.PixelAutoencoder;
import io.github.maskalign.encoders.vae.TiledDecoder;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.DataSection;
import io.github.maskalign.sit.run.internal.SampleSettings.AutoencoderChoice;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Turns a model's latents into 8-bit pictures: as they are where they are RGB pixels, otherwise by an autoencoder, some
 * pictures or tiles at a time.
 */
public final class PictureDecoder implements AutoCloseable {
    /** Pictures decoded together unless something else is asked for. */
    public static final int USUAL_BATCH = 4;

    /** Side of a tile, in latent pixels, unless something else is asked for. */
    public static final int USUAL_TILE = 64;

    private static final Logger LOG = LoggerFactory.getLogger(PictureDecoder.class);

    private final @Nullable Autoencoder vae;
    private final @Nullable TiledDecoder tiles;
    private final PixelScaling pixels;

    private PictureDecoder(@Nullable Autoencoder vae, @Nullable TiledDecoder tiles, PixelScaling pixels) {
        this.vae = vae;
        this.tiles = tiles;
        this.pixels = pixels;
    }

    /**
     * For models whose latents are RGB pixels.
     *
     * @param pixels how values become bytes; {@link PixelScaling#ROUND} gives back the bytes of a training picture
     */
    public static PictureDecoder ofPixels(PixelScaling pixels) {
        return new PictureDecoder(null, null, pixels);
    }

    /**
     * Decodes by an autoencoder, which is closed with this.
     *
     * @param scaling from the model's latents to the autoencoder's
     * @param pixels how values become bytes
     * @param batch pictures decoded together
     * @param tile side of a tile; larger latents are cut
     */
    public static PictureDecoder of(Autoencoder vae, LatentScaling scaling, PixelScaling pixels, int batch, int tile) {
        boolean normalised = scaling.scale().size() > 1; // by statistics, of which no autoencoder's file tells
        if (!normalised && !vae.scaling().equals(scaling)) {
            LOG.warn(
                    "{} says {} but the run's latents have {}: pictures are decoded with the latter",
                    vae.file(),
                    vae.scaling(),
                    scaling);
        }
        return new PictureDecoder(vae, new TiledDecoder(vae, scaling, pixels, batch, tile), pixels);
    }

    /** Whether a run can have pictures: it trains on pixels, or its config names an autoencoder. */
    static boolean possible(RunConfig run) {
        return run.data().vae().isPresent() || run.data().kind() != DataSection.Kind.LATENTS;
    }

    /**
     * Opens the decoder of a run, which undoes the scaling of its training data.
     *
     * @throws IllegalArgumentException if the autoencoder does not fit the model, or there is none
     */
    static PictureDecoder open(RunConfig run, Device device) throws IOException {
        DataSection data = run.data();
        if (data.embedded()) {
            PatchAutoencoder own = PatchAutoencoder.embedded(device);
            return fitting(of(own, own.scaling(), RunPlan.pixels(run), USUAL_BATCH, USUAL_TILE), run);
        }
        boolean pixels = data.kind() != DataSection.Kind.LATENTS;
        if (data.vae().isEmpty()
                || (pixels && AutoencoderChoice.isNone(data.vae().get()))) {
            if (!possible(run)) {
                throw new IllegalArgumentException("data.vae must name an autoencoder: the model makes latents of "
                        + run.model().inChannels() + " channels; or none if they are pixels");
            }
            return ofPixels(RunPlan.pixels(run));
        }
        Autoencoder opened = AutoencoderChoice.of(data.vae().get()).opening().open(device, Precision.FLOAT32);
        LatentScaling scaling = LatentNorm.of(data).latentScaling();
        return fitting(of(opened, scaling, RunPlan.pixels(run), USUAL_BATCH, USUAL_TILE), run);
    }

    /**
     * Opens the decoder of a run that goes on.
     *
     * @param weights the run's weights by key, of which those of an autoencoder that is trained along are taken
     */
    static PictureDecoder open(RunConfig run, Device device, Map<String, NDArray> weights) throws IOException {
        if (!EndToEndRun.isMeant(run)) {
            return open(run, device);
        }
        Autoencoder own = EndToEndRun.opened(run, device, weights);
        return fitting(of(own, EndToEndRun.scaling(weights), RunPlan.pixels(run), USUAL_BATCH, USUAL_TILE), run);
    }

    private static PictureDecoder fitting(PictureDecoder decoder, RunConfig run) {
        try {
            decoder.requireFits(RunPlan.model(run));
        } catch (IllegalArgumentException e) {
            decoder.close();
            throw e;
        }
        return decoder;
    }

    /**
     * Checks the channels.
     *
     * @throws IllegalArgumentException if they do not fit
     */
    public void requireFits(SiTConfig model) {
        int channels = vae == null ? 3 : vae.latentChannels();
        if (channels != model.latentChannels()) {
            throw new IllegalArgumentException(
                    vae == null
                            ? "the model makes latents of " + model.latentChannels()
                                    + " channels, which need an autoencoder to become pictures: name it with --vae or"
                                    + " --vae-torchscript"
                            : "the autoencoder has latents of " + channels + " channels but the model makes "
                                    + model.latentChannels());
        }
    }

    /** Returns the hash of the autoencoder's weights, if there is one. */
    Optional<String> sha256() throws IOException {
        return vae == null || vae instanceof PixelAutoencoder ? Optional.empty() : Optional.of(vae.sha256());
    }

    /** Returns how values become bytes. */
    public PixelScaling pixels() {
        return pixels;
    }

    /** Returns the side of the pictures in pixels. */
    public int side(SiTConfig model) {
        return vae == null ? model.model().inputSize() : model.model().inputSize() * vae.reduction();
    }

    /**
     * Decodes latents.
     *
     * @param manager manager that decides the device; nothing is left in it
     * @param x latents (N, C, side, side) of the model, row-major
     * @param count their number N, at least 1
     */
    public Pictures decode(NDManager manager, SiTConfig model, float[] x, int count) {
        requireFits(model);
        int side = side(model);
        if (tiles == null) {
            byte[] bytes = new byte[x.length];
            for (int k = 0; k < x.length; k++) {
                bytes[k] = pixels.toByte(x[k]);
            }
            return new Pictures(count, 3, side, side, bytes);
        }
        Shape shape = new Shape(
                count,
                model.latentChannels(),
                model.model().inputSize(),
                model.model().inputSize());
        try (NDManager scratch = manager.newSubManager()) {
            NDArray z = OwnedArrays.of(scratch, shape, x);
            return new Pictures(count, 3, side, side, tiles.decode(z));
        }
    }

    @Override
    public void close() {
        if (vae != null) {
            vae.close();
        }
    }
}
