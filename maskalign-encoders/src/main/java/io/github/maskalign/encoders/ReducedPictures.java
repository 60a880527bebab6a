package io.github.maskalign.encoders;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.List;
import java.util.Optional;

/**
 * An encoder that sees the mean of each k × k pixels, rounded to bytes: a resize that leaves nothing out, before the one of
 * {@link Preprocessing}, which looks at 4 × 4 pixels however much the picture shrinks.
 */
final class ReducedPictures implements RepresentationEncoder {
    private final RepresentationEncoder encoder;
    private final int together;
    private final ScriptFunction averaged = ScriptFunction.of(ReducedPictures.class, "preprocess.py", "averaged");

    /**
     * Wraps an encoder, which is closed with this.
     *
     * @param together k, at least 1
     */
    ReducedPictures(RepresentationEncoder encoder, int together) {
        this.encoder = encoder;
        this.together = together;
    }

    /** Returns the largest k that divides a side and leaves at least {@code least} pixels of it; otherwise 1. */
    static int largest(int side, int least) {
        for (int k = side / least; k > 1; k--) {
            if (side % k == 0) {
                return k;
            }
        }
        return 1;
    }

    @Override
    public EncoderTokens encode(NDArray images) {
        return encode(images, List.of());
    }

    @Override
    public EncoderTokens encode(NDArray images, List<Integer> blocks) {
        if (images.getDataType() != DataType.UINT8) {
            throw new IllegalArgumentException("pictures must be uint8 in [0, 255] but were " + images.getDataType());
        }
        try (GradMode off = GradMode.off();
                NDArray small =
                        averaged.callOn(images.getManager(), images, together).singletonOrThrow()) {
            return encoder.encode(small, blocks);
        }
    }

    @Override
    public RepresentationEncoder joined(int blocks) {
        return new ReducedPictures(encoder.joined(blocks), together);
    }

    @Override
    public Optional<AttentionSize> attention() {
        return encoder.attention();
    }

    @Override
    public int width() {
        return encoder.width();
    }

    @Override
    public int tokens(int imageSize) {
        return encoder.tokens(imageSize / together);
    }

    @Override
    public boolean hasClassToken() {
        return encoder.hasClassToken();
    }

    @Override
    public void close() {
        encoder.close();
    }
}
