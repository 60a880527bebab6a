package io.github.maskalign.sit;

import io.github.maskalign.core.align.MixerConfig;

/**
 * Size and input of a transformer.
 *
 * <p>The largest sizes are far beyond any model in use and keep every count of parameters, tokens and numbers in range: an
 * input has at most 2²⁶ numbers (C H W), the position table too (T D).
 *
 * @param inputSize side H = W of the input in [1, 8192], a multiple of patchSize
 * @param patchSize patch side p
 * @param inChannels input channels C, in [1, 65536]
 * @param hiddenSize token width D in [1, 65536], a multiple of 4 and of numHeads
 * @param depth number of blocks L, in [1, 1024]
 * @param numHeads attention heads h
 * @param mlpRatio MLP width over D, in (0, 256]; the width is rounded down and at least 1
 * @param numClasses number of classes, in [1, 2²⁴]; the null class is the label {@code numClasses}
 * @param classDropoutProb probability in [0, 1) that a label becomes the null class in training; 0 leaves the null
 *     class out of the table
 * @param qkNorm whether q and k are normalised
 */
public record ModelConfig(
        int inputSize,
        int patchSize,
        int inChannels,
        int hiddenSize,
        int depth,
        int numHeads,
        double mlpRatio,
        int numClasses,
        double classDropoutProb,
        boolean qkNorm) {

    static final int MOST_WIDTH = 1 << 16;
    private static final int MOST_BLOCKS = 1024;
    private static final int MOST_SIDE = 1 << 13;
    private static final int MOST_CLASSES = 1 << 24;
    private static final int MOST_VALUES = 1 << 26;

    /** @throws IllegalArgumentException for sizes out of their ranges or that do not divide */
    public ModelConfig {
        within("model.inputSize", inputSize, 1, MOST_SIDE);
        within("model.patchSize", patchSize, 1, MOST_SIDE);
        within("model.inChannels", inChannels, 1, MOST_WIDTH);
        within("model.hiddenSize", hiddenSize, 1, MOST_WIDTH);
        within("model.depth", depth, 1, MOST_BLOCKS);
        within("model.numHeads", numHeads, 1, MOST_WIDTH);
        within("model.numClasses", numClasses, 1, MOST_CLASSES);
        require(inputSize % patchSize == 0, "model.inputSize must be a multiple of patchSize " + patchSize, inputSize);
        require(hiddenSize % 4 == 0, "model.hiddenSize must be a multiple of 4", hiddenSize);
        require(hiddenSize % numHeads == 0, "model.numHeads must divide hiddenSize " + hiddenSize, numHeads);
        requireSmall("inputSize and inChannels", "an input", (long) inChannels * inputSize * inputSize);
        long grid = inputSize / patchSize;
        requireSmall("inputSize, patchSize and hiddenSize", "the position table", grid * grid * hiddenSize);
        requireRatio("model.mlpRatio", mlpRatio, "hiddenSize", hiddenSize);
        require(
                classDropoutProb >= 0 && classDropoutProb < 1,
                "model.classDropoutProb must be in [0, 1)",
                classDropoutProb);
    }

    /** Returns this with another MLP ratio, label dropout, and with or without norms of q and k. */
    ModelConfig withOptions(double ratio, double dropout, boolean normalise) {
        return new ModelConfig(
                inputSize, patchSize, inChannels, hiddenSize, depth, numHeads, ratio, numClasses, dropout, normalise);
    }

    static void within(String name, int value, int least, int most) {
        require(value >= least && value <= most, name + " must be in [" + least + ", " + most + "]", value);
    }

    private static void requireSmall(String keys, String what, long values) {
        require(
                values <= MOST_VALUES,
                "model." + keys + " must give " + what + " at most " + MOST_VALUES + " numbers",
                values);
    }

    static void requireRatio(String key, double ratio, String widthKey, int width) {
        require(
                ratio > 0 && ratio <= MixerConfig.MOST_RATIO,
                key + " must be in (0, " + MixerConfig.MOST_RATIO + "]",
                ratio);
        require(
                (long) (width * ratio) >= 1,
                key + " must give the MLP at least one unit with " + widthKey + " " + width,
                ratio);
    }

    static void require(boolean holds, String rule, Object value) {
        if (!holds) {
            throw new IllegalArgumentException(rule + " but was " + value);
        }
    }
}
