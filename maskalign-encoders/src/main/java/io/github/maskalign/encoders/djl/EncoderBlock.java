package io.github.maskalign.encoders.djl;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import org.jspecify.annotations.Nullable;

/** A frozen encoder as a block: pictures (N, 3, H, H), uint8, to class tokens (N, Z) and patch tokens (N, T, Z). */
final class EncoderBlock extends AbstractBlock {
    private static final byte VERSION = 1;

    private final RepresentationEncoder encoder;

    EncoderBlock(RepresentationEncoder encoder) {
        super(VERSION);
        this.encoder = encoder;
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        EncoderTokens tokens = encoder.encode(inputs.singletonOrThrow());
        return new NDList(tokens.classToken(), tokens.patchTokens());
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        long n = inputShapes[0].get(0);
        int side = Math.toIntExact(inputShapes[0].get(2));
        return new Shape[] {new Shape(n, encoder.width()), new Shape(n, encoder.tokens(side), encoder.width())};
    }
}
