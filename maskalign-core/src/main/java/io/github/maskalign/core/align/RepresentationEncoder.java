package io.github.maskalign.core.align;

import ai.djl.ndarray.NDArray;

/**
 * A frozen encoder whose tokens hidden states are aligned with, such as DINOv2.
 *
 * <p>Implementations own native memory and belong to one thread.
 */
public interface RepresentationEncoder extends AutoCloseable {
    /**
     * Encodes clean pictures, without recording gradients.
     *
     * @param images pictures (N, 3, H, W), uint8 in [0, 255]
     * @return tokens on the manager of {@code images}
     * @throws IllegalArgumentException if the pictures have another shape or type than the encoder takes
     */
    EncoderTokens encode(NDArray images);

    /** Returns the width Z of the tokens. */
    int width();

    /** Returns the number of patch tokens of pictures with side {@code imageSize}. */
    int tokens(int imageSize);

    /** Whether the encoder has a class token; without one, {@link #encode} gives zeros for it. */
    default boolean hasClassToken() {
        return true;
    }

    @Override
    void close();

    /**
     * What a frozen encoder says about clean pictures.
     *
     * @param classToken one token for the whole picture (N, Z), float32
     * @param patchTokens one token for each patch, row-major (N, T, Z), float32
     */
    record EncoderTokens(NDArray classToken, NDArray patchTokens) {}
}
