package io.github.maskalign.core.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.image.Picture;
import java.util.List;

/**
 * Between bytes in [0, 255] and the model's range [-1, 1].
 *
 * <p>Into the model: {@code x / 127.5 − 1}. Out of it there are two rules, which differ by one level at most. The rule
 * belongs to the project whose numbers are compared with; pictures that are themselves the model's values are rounded.
 */
public enum PixelScaling {
    /**
     * clamp(255 · (x + 1) / 2) to [0, 255], then truncation: {@code generate.py} of REPA, REG and what followed them,
     * whose published numbers need it. Half a level darker on average.
     */
    TRUNCATE {
        @Override
        float level(float x) {
            return 255 * (x + 1) / 2;
        }
    },
    /**
     * clamp(127.5 · x + 128) to [0, 255], then truncation, which is the nearest level: {@code sample_ddp.py} of
     * willisma/SiT, facebookresearch/DiT and ReDi, whose published numbers need it. The inverse of {@link #toModel}.
     */
    ROUND {
        @Override
        float level(float x) {
            return 127.5f * x + 128;
        }
    };

    abstract float level(float x);

    /** Returns the model's value of a byte, given as a signed Java byte. */
    public static float toModel(byte pixel) {
        return (pixel & 0xff) / 127.5f - 1;
    }

    /** Returns the byte of a model value; values outside [-1, 1] are clamped, NaN gives 0. */
    public byte toByte(float x) {
        return (byte) (int) Math.max(0, Math.min(255, level(x)));
    }

    /**
     * Returns the pictures of a model's values, such as a sampler's or an autoencoder's.
     *
     * @param x (N, 3, H, W), float32 or float64, about [-1, 1]
     * @throws IllegalArgumentException if the array has another shape or type
     */
    public List<Picture> pictures(NDArray x) {
        Shape shape = x.getShape();
        DataType type = x.getDataType();
        if (shape.dimension() != 4 || shape.get(1) != 3 || (type != DataType.FLOAT32 && type != DataType.FLOAT64)) {
            throw new IllegalArgumentException(
                    "values of pictures must be float32 or float64 (N, 3, H, W) but were " + type + " " + shape);
        }
        try (NDManager scratch = x.getManager().newSubManager()) {
            NDArray floats = type == DataType.FLOAT32 ? x.duplicate() : x.toType(DataType.FLOAT32, true);
            floats.attach(scratch);
            float[] values = floats.toFloatArray();
            byte[] planes = new byte[values.length];
            for (int k = 0; k < values.length; k++) {
                planes[k] = toByte(values[k]);
            }
            return Picture.ofPlanar(Math.toIntExact(shape.get(3)), Math.toIntExact(shape.get(2)), planes);
        }
    }
}
