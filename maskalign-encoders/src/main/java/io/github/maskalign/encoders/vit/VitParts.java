package io.github.maskalign.encoders.vit;

/**
 * In what vision transformers differ.
 *
 * @param classToken whether a class token stands before the patches
 * @param registers tokens between class token and patches that are thrown away at the end; at least 0
 * @param layerScale whether branches are multiplied by learned factors
 * @param activation of the MLP
 * @param patchBias whether the projection of the patches has a bias
 * @param normBefore whether a norm comes before the first block
 * @param normAfter whether a norm comes after the last
 * @param maskToken whether the weights have a mask token, which nothing here uses
 * @param eps of all norms; above 0
 * @param positions how the position table is made for pictures of another grid than its own
 */
public record VitParts(
        boolean classToken,
        int registers,
        boolean layerScale,
        Activation activation,
        boolean patchBias,
        boolean normBefore,
        boolean normAfter,
        boolean maskToken,
        double eps,
        Positions positions) {

    /** Activation of the MLP. */
    public enum Activation {
        /** x Φ(x), exact. */
        GELU,
        /** x σ(1.702 x). */
        QUICK_GELU,
        /** SiLU(a) b, for the halves a and b of a first layer of twice the width. */
        SWIGLU
    }

    /** Bicubic resampling of the position table. */
    public enum Positions {
        /** With antialias: REPA's rule for all encoders, and DINOv2's own with registers. */
        ANTIALIAS(0),
        /** Without: what Hugging Face's classes do. */
        EXACT(1),
        /** Without, by the scale (side + 0.1) / grid: the code of DINO and DINOv2 without registers. */
        OFFSET(2);

        /** What {@code vit.py} calls the rule. */
        final int scriptRule;

        Positions(int scriptRule) {
            this.scriptRule = scriptRule;
        }
    }

    /** DINOv2 without registers, with REPA's rule for the position table. */
    public static final VitParts DINOV2 =
            new VitParts(true, 0, true, Activation.GELU, true, false, true, true, 1e-6, Positions.ANTIALIAS);

    /** @throws IllegalArgumentException if a number is out of range or there are registers without class token */
    public VitParts {
        if (registers < 0 || (registers > 0 && (!classToken || !patchBias))) {
            throw new IllegalArgumentException("registers must be at least 0, and 0 without class token or patch bias,"
                    + " but were " + registers);
        }
        if (!classToken && !patchBias) {
            throw new IllegalArgumentException("a transformer without class token must have a patch bias");
        }
        if (!(eps > 0)) {
            throw new IllegalArgumentException("eps must be above 0 but was " + eps);
        }
    }

    /** Returns the tokens before the patches. */
    public int before() {
        return (classToken ? 1 : 0) + registers;
    }
}
