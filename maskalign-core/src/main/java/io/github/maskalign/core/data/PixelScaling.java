package io.github.maskalign.core.data;

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
}
