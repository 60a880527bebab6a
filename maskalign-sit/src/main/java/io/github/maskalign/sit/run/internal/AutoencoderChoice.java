package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.PatchAutoencoder;
import java.io.IOException;

/**
 * Which autoencoder makes pictures of latents.
 *
 * @param name what was named, which provenance states
 * @param opening opens it
 */
public record AutoencoderChoice(String name, Opening opening) {
    /** What provenance says of no autoencoder. */
    public static final String NONE = "[]";

    /** The autoencoder that comes with the library, and the word by which it is asked for. */
    public static final AutoencoderChoice EMBEDDED =
            new AutoencoderChoice("embedded", (device, precision) -> PatchAutoencoder.embedded(device));

    /** Pixels along a side of what that autoencoder makes of a latent pixel. */
    static final int EMBEDDED_REDUCTION = 4;

    /** Opens an autoencoder. */
    @FunctionalInterface
    public interface Opening {
        /** Returns it; the caller closes it. */
        Autoencoder open(Device device, Precision precision) throws IOException;
    }
}
