package io.github.maskalign.encoders.vit;

import io.github.maskalign.encoders.vit.Vit.VitParts;

/**
 * Shape of a {@link Vit}.
 *
 * @param imageSize side of the pictures that the position table is made for, in pixels; a multiple of patchSize
 * @param patchSize side of a patch in pixels, at least 1
 * @param width token width D; a multiple of heads
 * @param depth number of blocks, at least 1
 * @param heads attention heads, at least 1
 * @param hidden width of the MLP's hidden layer, at least 1
 * @param layerScaleInit first value of LayerScale's factors
 * @param parts in what it differs from others
 */
public record VitConfig(
        int imageSize,
        int patchSize,
        int width,
        int depth,
        int heads,
        int hidden,
        double layerScaleInit,
        VitParts parts) {
    /** The teacher that comes with the library: 32-pixel pictures, 8 × 8 patches, 1.2 million weights. */
    public static final VitConfig EMOJI = new VitConfig(32, 4, 128, 6, 4);

    /** @throws IllegalArgumentException if a number is out of range or does not divide another */
    public VitConfig {
        atLeastOne("patchSize", patchSize);
        atLeastOne("imageSize", imageSize);
        atLeastOne("width", width);
        atLeastOne("depth", depth);
        atLeastOne("heads", heads);
        atLeastOne("hidden", hidden);
        if (imageSize % patchSize != 0) {
            throw new IllegalArgumentException(
                    "imageSize must be a multiple of patchSize " + patchSize + " but was " + imageSize);
        }
        if (width % heads != 0) {
            throw new IllegalArgumentException("width must be a multiple of heads " + heads + " but was " + width);
        }
        if (parts.pooling().heads() > 0 && width % parts.pooling().heads() != 0) {
            throw new IllegalArgumentException("width must be a multiple of the pooling head's heads "
                    + parts.pooling().heads() + " but was " + width);
        }
        if (parts.rotary() != VitParts.Rotary.NONE && width / heads % 4 != 0) {
            throw new IllegalArgumentException(
                    "width / heads must be a multiple of 4 to be turned but was " + width + " / " + heads);
        }
    }

    /** DINOv2's parts, with an MLP of four times the width and LayerScale's factors at 1. */
    public VitConfig(int imageSize, int patchSize, int width, int depth, int heads) {
        this(imageSize, patchSize, width, depth, heads, 4 * width, 1, VitParts.DINOV2);
    }

    /** Returns the patches along one side of the position table's grid. */
    public int grid() {
        return imageSize / patchSize;
    }

    /**
     * Returns what the angles of rotary positions are divided by, {@code base^(4 i / d)} for heads of d numbers; empty without
     * rotation.
     */
    public float[] rotaryPeriods() {
        if (parts.rotary() == VitParts.Rotary.NONE) {
            return new float[0];
        }
        int d = width / heads;
        double base = parts.rotary() == VitParts.Rotary.CENTRES ? 100 : 10_000;
        float[] out = new float[d / 4];
        for (int i = 0; i < out.length; i++) {
            out[i] = (float) Math.pow(base, 4.0 * i / d);
        }
        return out;
    }

    private static void atLeastOne(String name, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be at least 1 but was " + value);
        }
    }
}
