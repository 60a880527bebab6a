package io.github.maskalign.encoders;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.List;

/**
 * How an encoder wants its pictures.
 *
 * <pre>
 * normalise: (byte / divisor − mean) / std        by channel, red first
 * resize: side = H · sideNumerator / sideUnit     bicubic, a = -0.75, corners not aligned, no antialias
 * </pre>
 *
 * <p>Values are those of PyTorch's operations in float32. Source: REPA's {@code preprocess_raw_image} for the
 * presets of published encoders.
 *
 * @param name what messages and configs call it
 * @param divisor divides the bytes in [0, 255]; above 0
 * @param mean subtracted from each channel after the division, three numbers
 * @param std divides each channel, three numbers above 0
 * @param order whether mean and std come before the resize
 * @param usualSide side of the pictures the encoder is made for, in pixels; a multiple of sideUnit
 * @param sideUnit the picture's side must be a multiple of this, in pixels
 * @param sideNumerator the encoder sees this many pixels for each unit
 * @param patchSize side of the encoder's patches in pixels; divides sideNumerator
 */
public record Preprocessing(
        String name,
        double divisor,
        List<Double> mean,
        List<Double> std,
        Order order,
        int usualSide,
        int sideUnit,
        int sideNumerator,
        int patchSize) {
    private static final ScriptFunction FUNCTION =
            ScriptFunction.of(Preprocessing.class, "preprocess.py", "preprocess");
    private static final List<Double> ONES = List.of(1.0, 1.0, 1.0);
    private static final List<Double> HALVES = List.of(0.5, 0.5, 0.5);
    private static final List<Double> IMAGENET_MEAN = List.of(0.485, 0.456, 0.406);
    private static final List<Double> IMAGENET_STD = List.of(0.229, 0.224, 0.225);

    /** What is done first. The results differ by rounding alone, but targets should be those of the source. */
    public enum Order {
        /** Normalise, then resize. */
        NORMALISE_FIRST,
        /** Resize, then normalise. */
        RESIZE_FIRST
    }

    /** DINOv2 with patch 14: ImageNet's mean and deviation, then 224 pixels for each 256 of the picture. */
    public static final Preprocessing DINOV2 =
            new Preprocessing("dinov2", 255, IMAGENET_MEAN, IMAGENET_STD, Order.NORMALISE_FIRST, 256, 256, 224, 14);

    /** CLIP's vision tower with patch 14: 224 pixels for each 256, then its own mean and deviation. */
    public static final Preprocessing CLIP = new Preprocessing(
            "clip",
            255,
            List.of(0.48145466, 0.4578275, 0.40821073),
            List.of(0.26862954, 0.26130258, 0.27577711),
            Order.RESIZE_FIRST,
            256,
            256,
            224,
            14);

    /** MoCo v3, MAE, DINO and DINOv3 with patch 16: ImageNet's mean and deviation, no resize. */
    public static final Preprocessing IMAGENET =
            new Preprocessing("imagenet", 255, IMAGENET_MEAN, IMAGENET_STD, Order.NORMALISE_FIRST, 256, 16, 16, 16);

    /** DINOv3's models for satellite pictures, with patch 16: the mean and deviation of those, no resize. */
    public static final Preprocessing DINOV3_SATELLITE = new Preprocessing(
            "dinov3sat",
            255,
            List.of(0.430, 0.411, 0.296),
            List.of(0.213, 0.156, 0.143),
            Order.NORMALISE_FIRST,
            256,
            16,
            16,
            16);

    /** SigLIP 2 and Perception Encoder with patch 16: (x / 255 - 0.5) / 0.5, no resize. */
    public static final Preprocessing SIGLIP2 =
            new Preprocessing("siglip2", 255, HALVES, HALVES, Order.RESIZE_FIRST, 256, 16, 16, 16);

    /** The embedded teacher: x / 127.5 - 1 and no resize; patch 4. */
    public static final Preprocessing EMOJI_VIT =
            new Preprocessing("emoji-vit", 127.5, ONES, ONES, Order.NORMALISE_FIRST, 32, 4, 4, 4);

    /** The embedded teacher with pictures enlarged twice, so that a token stands for 2 × 2 pixels. */
    public static final Preprocessing EMOJI_VIT_DOUBLE =
            new Preprocessing("emoji-vit-double", 127.5, ONES, ONES, Order.NORMALISE_FIRST, 32, 4, 8, 4);

    /** The embedded judge: x / 127.5 - 1 and no resize; cells of 16 pixels. */
    public static final Preprocessing EMOJI_JUDGE =
            new Preprocessing("emoji-judge", 127.5, ONES, ONES, Order.NORMALISE_FIRST, 64, 16, 16, 16);

    private static final List<Preprocessing> PRESETS =
            List.of(DINOV2, CLIP, IMAGENET, DINOV3_SATELLITE, SIGLIP2, EMOJI_VIT, EMOJI_VIT_DOUBLE, EMOJI_JUDGE);

    /** @throws IllegalArgumentException if a number is out of range */
    public Preprocessing {
        mean = List.copyOf(mean);
        std = List.copyOf(std);
        if (mean.size() != 3 || std.size() != 3) {
            throw new IllegalArgumentException("mean and std must have three numbers but were " + mean + " and " + std);
        }
        if (!(divisor > 0) || !Double.isFinite(divisor)) {
            throw new IllegalArgumentException("divisor must be above 0 but was " + divisor);
        }
        if (mean.stream().anyMatch(m -> !Double.isFinite(m))) {
            throw new IllegalArgumentException("mean must be finite but was " + mean);
        }
        if (std.stream().anyMatch(s -> !(s > 0) || !Double.isFinite(s))) {
            throw new IllegalArgumentException("std must be above 0 but was " + std);
        }
        if (sideUnit < 1 || sideNumerator < 1) {
            throw new IllegalArgumentException(
                    "sideUnit and sideNumerator must be at least 1 but were " + sideUnit + " and " + sideNumerator);
        }
        if (usualSide < sideUnit || usualSide % sideUnit != 0) {
            throw new IllegalArgumentException(
                    "usualSide must be a multiple of sideUnit " + sideUnit + " but was " + usualSide);
        }
        if (patchSize < 1 || sideNumerator % patchSize != 0) {
            throw new IllegalArgumentException(
                    "patchSize must divide sideNumerator " + sideNumerator + " but was " + patchSize);
        }
    }

    /** Tells whether there is a preset of this name. */
    public static boolean isNamed(String name) {
        return PRESETS.stream().anyMatch(preset -> preset.name.equals(name));
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
     * Returns the same with another mean and deviation.
     *
     * @throws IllegalArgumentException if they are not three numbers each, those of the deviation above 0
     */
    public Preprocessing withNormalisation(List<Double> newMean, List<Double> newStd) {
        return new Preprocessing(name, divisor, newMean, newStd, order, usualSide, sideUnit, sideNumerator, patchSize);
    }

    /** Returns the same arithmetic for other sides of picture, encoder input and patch. */
    public Preprocessing withSides(int usual, int unit, int numerator, int patch) {
        return new Preprocessing(name, divisor, mean, std, order, usual, unit, numerator, patch);
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
        return FUNCTION.callForOne(
                images,
                divisor,
                rounded(mean, 0),
                rounded(mean, 1),
                rounded(mean, 2),
                rounded(std, 0),
                rounded(std, 1),
                rounded(std, 2),
                side,
                order == Order.RESIZE_FIRST);
    }

    /** The number as float32 has it. */
    private static double rounded(List<Double> values, int channel) {
        return values.get(channel).floatValue();
    }
}
