package io.github.maskalign.encoders;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.io.OwnedArrays;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.List;

/**
 * How an encoder wants its pictures.
 *
 * <pre>
 * x = (byte · scale − mean) / std     by channel, red first
 * side = H · sideNumerator / sideUnit  (whole units of H); bicubic, a = -0.75, no antialias
 * </pre>
 *
 * <p>Source: REPA's {@code preprocess_raw_image} for the presets of published encoders.
 *
 * @param name what messages and configs call it
 * @param scale factor of the bytes in [0, 255]
 * @param mean subtracted from each scaled channel, three numbers
 * @param std divides each channel, three numbers above 0
 * @param sideUnit the picture's side must be a multiple of this, in pixels
 * @param sideNumerator the encoder sees this many pixels for each unit
 * @param patchSize side of the encoder's patches in pixels; divides sideNumerator
 */
public record Preprocessing(
        String name,
        double scale,
        List<Double> mean,
        List<Double> std,
        int sideUnit,
        int sideNumerator,
        int patchSize) {
    private static final ScriptFunction FUNCTION =
            ScriptFunction.of(Preprocessing.class, "preprocess.py", "preprocess");
    private static final List<Double> HALF = List.of(1.0, 1.0, 1.0);

    /** DINOv2 with patch 14: ImageNet's mean and deviation, 224 pixels for each 256 of the picture. */
    public static final Preprocessing DINOV2 = new Preprocessing(
            "dinov2", 1 / 255.0, List.of(0.485, 0.456, 0.406), List.of(0.229, 0.224, 0.225), 256, 224, 14);

    /** CLIP's vision tower with patch 14: its own mean and deviation, 224 pixels for each 256. */
    public static final Preprocessing CLIP = new Preprocessing(
            "clip",
            1 / 255.0,
            List.of(0.48145466, 0.4578275, 0.40821073),
            List.of(0.26862954, 0.26130258, 0.27577711),
            256,
            224,
            14);

    /** The embedded teacher: x / 127.5 - 1 and no resize; patch 4. */
    public static final Preprocessing EMOJI_VIT = new Preprocessing("emoji-vit", 1 / 127.5, HALF, HALF, 4, 4, 4);

    /** The embedded teacher with pictures enlarged twice, so that a token stands for 2 × 2 pixels. */
    public static final Preprocessing EMOJI_VIT_DOUBLE =
            new Preprocessing("emoji-vit-double", 1 / 127.5, HALF, HALF, 4, 8, 4);

    private static final List<Preprocessing> PRESETS = List.of(DINOV2, CLIP, EMOJI_VIT, EMOJI_VIT_DOUBLE);

    /** @throws IllegalArgumentException if a number is out of range */
    public Preprocessing {
        mean = List.copyOf(mean);
        std = List.copyOf(std);
        if (mean.size() != 3 || std.size() != 3) {
            throw new IllegalArgumentException("mean and std must have three numbers but were " + mean + " and " + std);
        }
        if (std.stream().anyMatch(s -> !(s > 0))) {
            throw new IllegalArgumentException("std must be above 0 but was " + std);
        }
        if (sideUnit < 1 || sideNumerator < 1) {
            throw new IllegalArgumentException(
                    "sideUnit and sideNumerator must be at least 1 but were " + sideUnit + " and " + sideNumerator);
        }
        if (patchSize < 1 || sideNumerator % patchSize != 0) {
            throw new IllegalArgumentException(
                    "patchSize must divide sideNumerator " + sideNumerator + " but was " + patchSize);
        }
    }

    /**
     * Returns a preset by name.
     *
     * @throws IllegalArgumentException if there is none; names those there are
     */
    public static Preprocessing named(String name) {
        for (Preprocessing preset : PRESETS) {
            if (preset.name.equals(name)) {
                return preset;
            }
        }
        throw new IllegalArgumentException("preprocessing must be one of "
                + PRESETS.stream().map(Preprocessing::name).toList() + " but was " + name);
    }

    /**
     * Returns the side of the pictures the encoder sees.
     *
     * @param imageSize side of the picture in pixels
     * @throws IllegalArgumentException if the side is not a multiple of the unit
     */
    public int sideFor(int imageSize) {
        if (imageSize < sideUnit || imageSize % sideUnit != 0) {
            throw new IllegalArgumentException("pictures for the preprocessing " + name
                    + " must have a side that is a multiple of " + sideUnit + " pixels but had " + imageSize);
        }
        return imageSize / sideUnit * sideNumerator;
    }

    /** Returns the number of patch tokens for pictures of this side. */
    public int tokensFor(int imageSize) {
        int grid = sideFor(imageSize) / patchSize;
        return grid * grid;
    }

    /**
     * Prepares pictures.
     *
     * @param images (N, 3, H, H), uint8
     * @return (N, 3, side, side), float32, on the manager of {@code images}
     * @throws IllegalArgumentException if the pictures have another shape or type
     */
    public NDArray apply(NDArray images) {
        Shape shape = images.getShape();
        if (shape.dimension() != 4 || shape.get(1) != 3 || shape.get(2) != shape.get(3)) {
            throw new IllegalArgumentException("pictures must be square, (N, 3, H, H), but were " + shape);
        }
        if (images.getDataType() != DataType.UINT8) {
            throw new IllegalArgumentException("pictures must be uint8 in [0, 255] but were " + images.getDataType());
        }
        int side = sideFor(Math.toIntExact(shape.get(2)));
        try (NDManager scratch = images.getManager().newSubManager()) {
            return FUNCTION.callOn(
                            images.getManager(), images, scale, channels(scratch, mean), channels(scratch, std), side)
                    .singletonOrThrow();
        }
    }

    private static NDArray channels(NDManager manager, List<Double> values) {
        float[] floats = new float[3];
        for (int i = 0; i < 3; i++) {
            floats[i] = values.get(i).floatValue();
        }
        return OwnedArrays.of(manager, new Shape(1, 3, 1, 1), floats);
    }
}
