package io.github.maskalign.core.data;

/**
 * Between bytes in [0, 255] and the model's range [-1, 1].
 *
 * <p>Into the model: {@code x / 127.5 − 1}. Out of it each family rounds in its own way (their {@code generate.py}
 * and {@code sample_ddp.py}); results differ by at most one level.
 */
public enum PixelScaling {
    /** REPA, REG: clamp(255·(x+1)/2) to [0, 255], then truncation. */
    REPA {
        @Override
        float level(float x) {
            return 255 * (x + 1) / 2;
        }
    },
    /** SiT, DiT: clamp(127.5·x + 128), then truncation: nearly rounding. */
    SIT {
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
