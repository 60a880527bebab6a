package io.github.maskalign.sit.lab.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.Autoencoder.LatentMoments;
import io.github.maskalign.encoders.vae.PatchAutoencoder;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.DataSection;
import io.github.maskalign.sit.run.RunConfig.EncoderSection;
import io.github.maskalign.sit.run.internal.EncoderChoice;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Pictures mirrored from left to right, as model and encoder see them. Where the pictures are at hand they are mirrored before
 * they are encoded; otherwise latents and tokens are moved to their mirrored places, and a note says so.
 */
final class Mirrors implements AutoCloseable {
    static final String LATENTS = "the mirrored control mirrors latents, not pictures before they were encoded; an"
            + " autoencoder commutes with a mirror only nearly";
    private static final String TOKENS =
            "the mirrored control moves the encoder's tokens to their mirrored places, as the"
                    + " data hold no pictures for the encoder to look at";
    /** What storing tokens may cost, relative, whatever their code; those of other pictures are about 1 apart. */
    private static final double ROUNDING = 0.1;

    /** Mean size of a standard normal number, √(2/π). */
    private static final double HALF_NORMAL = 0.7979;

    private final boolean pixels;
    private final int grid;
    private final List<RepresentationEncoder> encoders;
    private final boolean own;
    private final @Nullable Autoencoder autoencoder;
    private final Set<String> notes = new LinkedHashSet<>();

    private Mirrors(
            boolean pixels,
            int grid,
            List<RepresentationEncoder> encoders,
            boolean own,
            @Nullable Autoencoder autoencoder) {
        this.pixels = pixels;
        this.grid = grid;
        this.encoders = encoders;
        this.own = own;
        this.autoencoder = autoencoder;
    }

    /** Mirrored pictures: latents (n, C, H, W) and the tokens of each encoder (n, 1+T, Z). */
    record Mirrored(NDArray latents, List<NDArray> tokens) {}

    /**
     * Opens what encodes.
     *
     * @param encoders the encoders, if they are open already; they are left open
     * @param side side of the pictures; 0 if there are none
     */
    static Mirrors open(
            RunConfig config, SiTConfig model, List<RepresentationEncoder> encoders, int side, Device device)
            throws IOException {
        boolean kept = config.encoder().kind() == EncoderSection.Kind.CACHED || side == 0;
        boolean own = encoders.isEmpty();
        List<RepresentationEncoder> opened = !own || kept ? encoders : EncoderChoice.open(config, model, side, device);
        boolean embedded = config.data().embedded();
        try {
            return new Mirrors(
                    config.data().kind() != DataSection.Kind.LATENTS && !embedded,
                    model.grid(),
                    opened,
                    own,
                    embedded && side > 0 ? PatchAutoencoder.embedded(device) : null);
        } catch (IOException | RuntimeException e) {
            if (own) {
                opened.forEach(RepresentationEncoder::close);
            }
            throw e;
        }
    }

    /**
     * Mirrors pictures.
     *
     * @param latents what the model sees of them
     * @param tokens what each encoder says about them
     * @param images the pictures (n, 3, H, W), uint8; null if there are none
     */
    Mirrored of(NDArray latents, List<NDArray> tokens, @Nullable NDArray images) {
        List<NDArray> all = new ArrayList<>();
        for (int i = 0; i < tokens.size(); i++) {
            all.add(tokens(encoders.isEmpty() ? null : encoders.get(i), tokens.get(i), images));
        }
        return new Mirrored(latents(latents, images), all);
    }

    private NDArray latents(NDArray latents, @Nullable NDArray images) {
        if (pixels) {
            return flip(latents);
        }
        Autoencoder coder = autoencoder;
        if (coder != null && images != null) {
            LatentMoments own = coder.encode(images);
            NDArray noise = coder.scaling().fromModel(latents).sub(own.mean()).div(own.std()); // of the posterior
            double size = noise.abs().mean().getFloat();
            if (Math.abs(size - HALF_NORMAL) < 0.2) { // else the latents are of other pictures
                return coder.scaling().toModel(coder.encode(flip(images)).sample(flip(noise)));
            }
        }
        notes.add(LATENTS);
        return flip(latents);
    }

    private NDArray tokens(@Nullable RepresentationEncoder encoder, NDArray tokens, @Nullable NDArray images) {
        if (encoder != null && images != null && (!own || like(all(encoder, images), tokens))) {
            return all(encoder, flip(images));
        }
        notes.add(TOKENS);
        return mirroredTokens(tokens, grid);
    }

    /** Whether pictures give the tokens that were stored of them, so that their mirror images do too. */
    private static boolean like(NDArray computed, NDArray stored) {
        double apart = computed.sub(stored).abs().mean().getFloat();
        return apart <= ROUNDING * stored.abs().mean().getFloat();
    }

    /** All tokens of pictures (n, 3, H, W), the class token first: (n, 1+T, Z). */
    static NDArray all(RepresentationEncoder encoder, NDArray images) {
        EncoderTokens tokens = encoder.encode(images);
        return NDArrays.concat(new NDList(tokens.classToken().expandDims(1), tokens.patchTokens()), 1);
    }

    /** Mirrors pictures or latents (n, C, H, W) from left to right. */
    static NDArray flip(NDArray x) {
        return x.flip(3);
    }

    /** A class token in front, and the patches in mirrored columns. */
    private static NDArray mirroredTokens(NDArray tokens, int grid) {
        long n = tokens.getShape().get(0);
        long width = tokens.getShape().get(2);
        NDArray patches = tokens.get(new NDIndex(":, 1:")).reshape(n, grid, grid, width);
        return tokens.get(new NDIndex(":, 0:1")).concat(patches.flip(2).reshape(n, (long) grid * grid, width), 1);
    }

    /** Returns what could not be mirrored as it should be. */
    List<String> notes() {
        return List.copyOf(notes);
    }

    @Override
    public void close() {
        if (own) {
            encoders.forEach(RepresentationEncoder::close);
        }
        if (autoencoder != null) {
            autoencoder.close();
        }
    }
}
