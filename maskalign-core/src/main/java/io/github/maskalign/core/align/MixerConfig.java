package io.github.maskalign.core.align;

/**
 * Shape of the pre-mask token-mixing block (MaskAlign eq. 7; see {@link TokenMixer}).
 *
 * @param layers number of transformer layers; 0 leaves the mixer out, the paper uses 2
 * @param width width of the layers, at most 65536; 0 means the model's own width D
 * @param heads attention heads, at most 65536; 0 means the model's own number
 * @param mlpRatio width of an MLP's hidden layer over the layers' width, in (0, {@value #MOST_RATIO}]
 * @param conditioning how the layers see timestep and label
 */
public record MixerConfig(int layers, int width, int heads, double mlpRatio, Conditioning conditioning) {
    /** Largest MLP ratio; with it, and widths of at most 65536, every count of parameters is in range. */
    public static final int MOST_RATIO = 256;

    private static final int MOST_WIDTH = 1 << 16;

    /** No mixer. */
    public static final MixerConfig NONE = new MixerConfig(0, 0, 0, 4, Conditioning.ADALN_ZERO);

    /** The paper's mixer: two layers like the model's own. */
    public static final MixerConfig PAPER = new MixerConfig(2, 0, 0, 4, Conditioning.ADALN_ZERO);

    /** How mixing layers see timestep and label. */
    public enum Conditioning {
        /** adaLN with zero-initialised modulation: the mixer starts as the identity. */
        ADALN_ZERO,
        /** adaLN whose modulation starts from Xavier's uniform initialiser. */
        ADALN_PLAIN_INIT,
        /** Not at all: pre-norm layers with affine norms and no gates. */
        NONE
    }

    /** Checks the ranges. */
    public MixerConfig {
        if (layers < 0 || layers > 64) {
            throw new IllegalArgumentException("mixer.layers must be in [0, 64] but was " + layers);
        }
        requireWidth("mixer.width", width);
        requireWidth("mixer.heads", heads);
        if (!(mlpRatio > 0 && mlpRatio <= MOST_RATIO)) {
            throw new IllegalArgumentException("mixer.mlpRatio must be in (0, " + MOST_RATIO + "] but was " + mlpRatio);
        }
    }

    private static void requireWidth(String key, int value) {
        if (value < 0 || value > MOST_WIDTH) {
            throw new IllegalArgumentException(key + " must be in [0, " + MOST_WIDTH + "] but was " + value);
        }
    }
}
