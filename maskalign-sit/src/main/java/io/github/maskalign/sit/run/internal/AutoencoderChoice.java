package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.vae.Autoencoder;
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

    /** Opens an autoencoder. */
    @FunctionalInterface
    public interface Opening {
        /** Returns it; the caller closes it. */
        Autoencoder open(Device device, Precision precision) throws IOException;
    }
}
