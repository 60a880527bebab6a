package io.github.maskalign.core.align;

import ai.djl.ndarray.NDArray;
import java.util.List;
import java.util.Map;
import java.util.Optional;

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
     * Encodes clean pictures and hands out attention, without recording gradients. The tokens are those of the other method.
     *
     * @param images pictures as above
     * @param blocks blocks whose attention is wanted, from 1
     * @throws IllegalArgumentException if the encoder lacks a block or does not hand out attention, see {@link #attention()}
     */
    default EncoderTokens encode(NDArray images, List<Integer> blocks) {
        if (blocks.isEmpty()) {
            return encode(images);
        }
        throw new IllegalArgumentException("this encoder does not hand out its attention");
    }

    /**
     * Returns the same encoder with wider tokens: those of its last blocks joined, in their order, each behind the closing norm,
     * so that the last numbers of a token are those of the last block. It takes this one's place: one of the two is closed.
     *
     * @param blocks how many blocks; 1 for this encoder as it is
     * @throws IllegalArgumentException if the encoder does not hand out so many
     */
    default RepresentationEncoder joined(int blocks) {
        if (blocks == 1) {
            return this;
        }
        throw new IllegalArgumentException(
                "this encoder hands out the tokens of its last block alone, not of the last " + blocks);
    }

    /** Returns of how many blocks and heads the encoder hands out attention; empty if of none. */
    default Optional<AttentionSize> attention() {
        return Optional.empty();
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
     * @param attention what the softmax of the attention of the blocks that were asked for sees, by their number from 1:
     *     (N, H, 1+T, 1+T), float32, the class token first, which without one has a row and a column of zeros. Registers
     *     have neither.
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

    /**
     * What attention an encoder hands out.
     *
     * @param blocks its blocks, which are counted from 1
     * @param heads attention heads H of each
     */
    record AttentionSize(int blocks, int heads) {
        /**
         * Checks that the encoder has some blocks.
         *
         * @throws IllegalArgumentException if it lacks one; names it
         */
        public void require(List<Integer> wanted) {
            for (int block : wanted) {
                if (block < 1 || block > blocks) {
                    throw new IllegalArgumentException("the encoder's blocks are counted from 1 to " + blocks
                            + " but was asked for block " + block);
                }
            }
        }
    }
}
