package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import org.jspecify.annotations.Nullable;

/** What a batch has to bring for the loss of a model: targets and noise. */
final class TargetFit {
    private TargetFit() {}

    /** @throws IllegalArgumentException if something is missing or of another shape */
    static void require(SiTLossInput in, SiTConfig config) {
        boolean aligns = in.context().factor(config.align().weight()) > 0;
        int needed = Math.max(aligns ? config.encoderWidths().size() : 0, config.hasClassToken() ? 1 : 0);
        if (in.targets().size() < needed) {
            throw new IllegalArgumentException("the model needs the tokens of " + needed + " encoders but was given "
                    + in.targets().size());
        }
        for (int i = 0; i < in.targets().size(); i++) {
            checkTokens(i, in.targets().get(i).getShape(), in.keep(), config);
        }
        checkNoise(in, config);
    }

    private static void checkTokens(int encoder, Shape target, @Nullable NDArray keep, SiTConfig config) {
        long all = 1L + config.tokens();
        boolean some = encoder < config.encoderWidths().size() ? config.alignsSubset(encoder) : config.alignsSubset();
        long kept = keep != null && some ? 1 + keep.getShape().get(1) : all;
        if (target.dimension() != 3 || target.get(1) != all && target.get(1) != kept) {
            throw new IllegalArgumentException("an encoder must give a class token and " + config.tokens() + " patches"
                    + (kept == all ? "" : ", or the " + (kept - 1) + " kept ones,") + " but gave " + target);
        }
        boolean aligned = encoder < config.encoderWidths().size();
        if (aligned && target.get(2) != config.encoderWidths().get(encoder)) {
            throw new IllegalArgumentException("tokens of encoder " + encoder + " must have width "
                    + config.encoderWidths().get(encoder) + " but have " + target.get(2));
        }
        if (encoder == 0 && config.hasClassToken() && target.get(2) != config.classTokenWidth()) {
            throw new IllegalArgumentException("the class token must have width " + config.classTokenWidth()
                    + ", as the model's, but the first encoder's has " + target.get(2));
        }
    }

    private static void checkNoise(SiTLossInput in, SiTConfig config) {
        if (!in.noise().getShape().equals(in.clean().getShape())) {
            throw new IllegalArgumentException("noise must have the shape of clean, "
                    + in.clean().getShape() + ", but has " + in.noise().getShape());
        }
        NDArray classNoise = in.classNoise();
        if (config.hasClassToken() == (classNoise == null)) {
            throw new IllegalArgumentException(
                    config.hasClassToken()
                            ? "the model has a class token but classNoise is missing"
                            : "classNoise was given but the model has no class token");
        }
        Shape expected = new Shape(in.clean().getShape().get(0), config.classTokenWidth());
        if (classNoise != null && !classNoise.getShape().equals(expected)) {
            throw new IllegalArgumentException(
                    "classNoise must have shape " + expected + " but has " + classNoise.getShape());
        }
    }
}
