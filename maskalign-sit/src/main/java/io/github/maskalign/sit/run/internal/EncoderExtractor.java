package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.evaluate.FeatureExtractor;
import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import io.github.maskalign.core.evaluate.FeatureExtractor.Features;

/**
 * Features of an encoder that training aligns with: its class token (N, Z), or the mean of its patch tokens if it has
 * none. What is computed from them is not FID.
 */
public final class EncoderExtractor implements FeatureExtractor {
    private final RepresentationEncoder encoder;
    private final FeatureSpace space;

    /**
     * Wraps an encoder, which is closed with this.
     *
     * @param name what to call it
     * @param identity equal for encoders that give the same numbers
     */
    public EncoderExtractor(RepresentationEncoder encoder, String name, String identity) {
        this.encoder = encoder;
        space = new FeatureSpace(name, identity, false, encoder.width(), 0, 0);
    }

    @Override
    public FeatureSpace space() {
        return space;
    }

    @Override
    public Features extract(NDArray images) {
        try (GradMode off = GradMode.off()) {
            EncoderTokens tokens = encoder.encode(images);
            if (encoder.hasClassToken()) {
                tokens.patchTokens().close();
                return new Features(tokens.classToken(), null, null);
            }
            NDArray mean = tokens.patchTokens().mean(new int[] {1}); // (N, Z)
            tokens.classToken().close();
            tokens.patchTokens().close();
            return new Features(mean, null, null);
        }
    }

    @Override
    public void close() {
        encoder.close();
    }
}
