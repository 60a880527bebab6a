package io.github.maskalign.core.random;

/** What a random number is used for. Each stream is independent of all others of the same run. */
public enum RandomStream {
    /** Initial weights. */
    INIT,
    /** Order of the training samples; the position is the epoch. */
    DATA_ORDER,
    /** Augmentation of one training sample. */
    AUGMENT,
    /** Noise of the latent's posterior. */
    POSTERIOR,
    /** Timesteps. */
    TIMESTEP,
    /** Noise of the interpolant. */
    NOISE,
    /** Which labels become the null class. */
    LABEL_DROP,
    /** Noise of the class token's interpolant. */
    CLASS_NOISE,
    /** Token subsets. */
    SUBSET,
    /** Initial noise of a generated picture. */
    SAMPLE_NOISE,
    /** Initial noise of a generated picture's class token. */
    SAMPLE_CLASS_NOISE,
    /** Noise a stochastic sampler adds on its way. */
    SAMPLE_PATH,
    /** Labels of generated pictures. */
    SAMPLE_LABEL
}
