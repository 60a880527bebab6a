package io.github.maskalign.core.data.internal;

import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Computes what is stored of pictures: latents by an autoencoder, tokens by an encoder. Belongs to one thread. */
public interface PictureEncoder extends AutoCloseable {
    /**
     * What one picture becomes.
     *
     * @param moments mean and standard deviation of its latent (2C, H, W)
     * @param tokens encoder tokens (1+T, Z), the class token first; null without an encoder
     */
    record Encoded(float[] moments, float @Nullable [] tokens) {}

    /** Returns the layout of the samples. */
    SampleLayout layout();

    /** Returns what the numbers depend on, such as the hashes of the weights, by name. */
    java.util.Map<String, String> settings();

    /**
     * Encodes pictures.
     *
     * @param pictures bytes (3, side, side) of each, side being that of the crop
     * @return one for each, in the same order
     */
    List<Encoded> encode(List<byte[]> pictures) throws IOException;

    @Override
    void close();
}
