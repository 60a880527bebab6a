package io.github.maskalign.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;

/** Random tokens made once: targets as they come from a cache, so that the encoder is not measured. */
final class PrecomputedTokens implements RepresentationEncoder {
    private final NDManager manager;
    private final NDArray classToken;
    private final NDArray patchTokens;

    PrecomputedTokens(NDManager parent, int batch, int tokens, int width) {
        manager = parent.newSubManager();
        classToken = manager.randomNormal(new Shape(batch, width));
        patchTokens = manager.randomNormal(new Shape(batch, tokens, width));
    }

    @Override
    public EncoderTokens encode(NDArray images) {
        // handles of the step's own, so that the step may free them
        NDArray c = classToken.reshape(classToken.getShape());
        NDArray p = patchTokens.reshape(patchTokens.getShape());
        c.attach(images.getManager());
        p.attach(images.getManager());
        return new EncoderTokens(c, p);
    }

    @Override
    public int width() {
        return (int) classToken.getShape().get(1);
    }

    @Override
    public int tokens(int imageSize) {
        return (int) patchTokens.getShape().get(1);
    }

    @Override
    public void close() {
        manager.close();
    }
}
