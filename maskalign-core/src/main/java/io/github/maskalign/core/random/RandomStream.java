package io.github.maskalign.core.random;

/**
 * What a random number is used for. Each stream is independent of all others of the same run. Its number is part of every
 * draw, so it stays with its stream for ever.
 */
public enum RandomStream {
    /** Initial weights. */
    INIT(0),
    /** Order of the training samples; the position is the epoch. */
    DATA_ORDER(1),
    /** Augmentation of one training sample. */
    AUGMENT(2),
    /** Noise of the latent's posterior. */
    POSTERIOR(3),
    /** Timesteps. */
    TIMESTEP(4),
    /** Noise of the interpolant. */
    NOISE(5),
    /** Which labels become the null class. */
    LABEL_DROP(6),
    /** Noise of the class token's interpolant. */
    CLASS_NOISE(7),
    /** Token subsets. */
    SUBSET(8),
    /** Initial noise of a generated picture. */
    SAMPLE_NOISE(9),
    /** Initial noise of a generated picture's class token. */
    SAMPLE_CLASS_NOISE(10),
    /** Noise a stochastic sampler adds on its way. */
    SAMPLE_PATH(11),
    /** Labels of generated pictures. */
    SAMPLE_LABEL(12);

    private final int id;

    RandomStream(int id) {
        this.id = id;
    }

    /** Returns the number by which draws know the stream. */
    int id() {
        return id;
    }
}
