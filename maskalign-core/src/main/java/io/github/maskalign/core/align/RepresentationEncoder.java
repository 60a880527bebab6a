package io.github.maskalign.core.align;

import ai.djl.ndarray.NDArray;
import java.util.List;
import java.util.Map;

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

    /**
     * Encodes clean pictures and hands out attention, without recording gradients.
     *
     * @param images pictures as above
     * @param blocks blocks whose attention is wanted, from 1
     * @throws IllegalArgumentException if the encoder lacks a block or does not hand out attention, as none of this library does
     */
    default EncoderTokens encode(NDArray images, List<Integer> blocks) {
        if (blocks.isEmpty()) {
            return encode(images);
        }
        throw new IllegalArgumentException("this encoder does not hand out its attention");
    }

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
     * @param attention attention logits (N, H, 1+T, 1+T) of the blocks that were asked for, by their number from 1
     */
    record EncoderTokens(NDArray classToken, NDArray patchTokens, Map<Integer, NDArray> attention) {
        /** Copies the map. */
        public EncoderTokens {
            attention = Map.copyOf(attention);
        }

        /** Tokens without attention. */
        public EncoderTokens(NDArray classToken, NDArray patchTokens) {
            this(classToken, patchTokens, Map.of());
        }
    }
}
