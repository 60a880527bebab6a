package io.github.maskalign.sit;

import io.github.maskalign.core.align.MixerConfig;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetPlacement;
import io.github.maskalign.core.config.RecordCopy;
import java.util.List;
import java.util.Map;

/**
 * Everything that decides a SiT's parameters and its path through them.
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
 * @param learnSigma whether the head predicts 2C channels, of which the first C are the velocity
 * @param alignmentDepth number of blocks run before the hidden tokens are projected; mixing layers do not count;
 *     without projectors it means nothing
 * @param encoderWidths widths Z of the encoders to align with, at most 64 in [1, 65536]; empty means no projector
 * @param projectorDim width of the projector's hidden layers, in [1, 65536]
 * @param classTokenWidth width Z of the class token that is generated jointly (REG), at most 65536; 0 means none
 * @param mixer the token mixer
 * @param placement where dropped tokens leave and return
 * @param routeStart first block, 0-based, that sees only kept tokens (ROUTE)
 * @param routeEnd last block, 0-based and inclusive, that sees only kept tokens (ROUTE)
 */
public record SiTConfig(
        int inputSize,
        int patchSize,
        int inChannels,
        int hiddenSize,
        int depth,
        int numHeads,
        double mlpRatio,
        int numClasses,
        double classDropoutProb,
        boolean qkNorm,
        boolean learnSigma,
        int alignmentDepth,
        List<Integer> encoderWidths,
        int projectorDim,
        int classTokenWidth,
        MixerConfig mixer,
        SubsetPlacement placement,
        int routeStart,
        int routeEnd) {

    private static final int MOST_BLOCKS = 1024;
    private static final int MOST_SIDE = 1 << 13;
    private static final int MOST_WIDTH = 1 << 16;
    private static final int MOST_CLASSES = 1 << 24;
    private static final int MOST_ENCODERS = 64;
    private static final int MOST_VALUES = 1 << 26;

    /** @throws IllegalArgumentException for sizes out of their ranges, that do not divide, or a depth beyond the blocks */
    public SiTConfig {
        encoderWidths = List.copyOf(encoderWidths);
        within("inputSize", inputSize, 1, MOST_SIDE);
        within("patchSize", patchSize, 1, MOST_SIDE);
        within("inChannels", inChannels, 1, MOST_WIDTH);
        within("hiddenSize", hiddenSize, 1, MOST_WIDTH);
        within("depth", depth, 1, MOST_BLOCKS);
        within("numHeads", numHeads, 1, MOST_WIDTH);
        within("numClasses", numClasses, 1, MOST_CLASSES);
        within("projectorDim", projectorDim, 1, MOST_WIDTH);
        require(
                encoderWidths.size() <= MOST_ENCODERS,
                "encoderWidths must name at most " + MOST_ENCODERS + " encoders",
                encoderWidths.size());
        encoderWidths.forEach(z -> within("encoderWidths", z, 1, MOST_WIDTH));
        require(inputSize % patchSize == 0, "inputSize must be a multiple of patchSize " + patchSize, inputSize);
        require(hiddenSize % 4 == 0, "hiddenSize must be a multiple of 4", hiddenSize);
        require(hiddenSize % numHeads == 0, "numHeads must divide hiddenSize " + hiddenSize, numHeads);
        requireSmall("inputSize, inChannels", "an input", (long) inChannels * inputSize * inputSize);
        long grid = inputSize / patchSize;
        requireSmall("inputSize, patchSize, hiddenSize", "the position table", grid * grid * hiddenSize);
        requireRatio("mlpRatio", mlpRatio, "hiddenSize", hiddenSize);
        if (mixer.layers() > 0) {
            int width = mixer.width() == 0 ? hiddenSize : mixer.width();
            requireRatio("mixer.mlpRatio", mixer.mlpRatio(), "mixer.width", width);
        }
        require(classDropoutProb >= 0 && classDropoutProb < 1, "classDropoutProb must be in [0, 1)", classDropoutProb);
        require(
                encoderWidths.isEmpty() || alignmentDepth >= 1 && alignmentDepth <= depth,
                "alignmentDepth must be in [1, " + depth + "]",
                alignmentDepth);
        within("classTokenWidth", classTokenWidth, 0, MOST_WIDTH);
        if (placement == SubsetPlacement.ROUTE) {
            require(
                    routeStart >= 0 && routeStart < depth,
                    "routeStart must be in [0, " + (depth - 1) + "]",
                    routeStart);
            require(
                    routeEnd >= routeStart && routeEnd < depth,
                    "routeEnd must be in [" + routeStart + ", " + (depth - 1) + "]",
                    routeEnd);
        }
    }

    /** Plain SiT: no projector, class token, mixer or subsets; label dropout 0.1. */
    public static SiTConfig of(
            int inputSize, int patchSize, int inChannels, int hiddenSize, int depth, int numHeads, int numClasses) {
        return new SiTConfig(
                inputSize,
                patchSize,
                inChannels,
                hiddenSize,
                depth,
                numHeads,
                4.0,
                numClasses,
                0.1,
                false,
                false,
                Math.min(depth, depth > 12 ? 8 : 4),
                List.of(),
                2048,
                0,
                MixerConfig.NONE,
                SubsetPlacement.NONE,
                0,
                0);
    }

    /** Adds REPA's projectors at a depth. */
    public SiTConfig withAlignment(int afterBlocks, int hidden, List<Integer> widths) {
        return RecordCopy.with(
                this, Map.of("alignmentDepth", afterBlocks, "projectorDim", hidden, "encoderWidths", widths));
    }

    /** Adds REG's class token. */
    public SiTConfig withClassToken(int width) {
        return RecordCopy.with(this, Map.of("classTokenWidth", width));
    }

    /** Adds a token mixer. */
    public SiTConfig withMixer(MixerConfig config) {
        return RecordCopy.with(this, Map.of("mixer", config));
    }

    /** Sets where dropped tokens leave and return; the route is used by ROUTE only. */
    public SiTConfig withPlacement(SubsetPlacement where, int start, int end) {
        return RecordCopy.with(this, Map.of("placement", where, "routeStart", start, "routeEnd", end));
    }

    /** Sets MLP ratio, label dropout, q/k norm, and whether the head predicts sigma too. */
    public SiTConfig withOptions(double ratio, double dropout, boolean normalise, boolean sigma) {
        return RecordCopy.with(
                this, Map.of("mlpRatio", ratio, "classDropoutProb", dropout, "qkNorm", normalise, "learnSigma", sigma));
    }

    /** Side G of the token grid. */
    public int grid() {
        return inputSize / patchSize;
    }

    /** Number T of patch tokens. */
    public int tokens() {
        return grid() * grid();
    }

    /** Channels the head predicts: C, or 2C with learnSigma. */
    public int outChannels() {
        return learnSigma ? 2 * inChannels : inChannels;
    }

    /**
     * Whether alignment is over the kept tokens: with DROP, DROP_REINSERT and LOSS_ONLY always, with ROUTE where
     * routeStart &lt; alignmentDepth ≤ routeEnd + 1.
     */
    public boolean alignsSubset() {
        return switch (placement) {
            case NONE -> false;
            case ROUTE -> alignmentDepth > routeStart && alignmentDepth <= routeEnd + 1;
            case DROP, LOSS_ONLY, DROP_REINSERT -> true;
        };
    }

    /**
     * Checks that a run draws its subsets for this model: both name the same placement and, with ROUTE, the same blocks.
     *
     * @throws IllegalArgumentException if they do not, for then one of the two would be ignored
     */
    void requirePlacement(SubsetConfig subsets) {
        if (subsets.placement() != placement) {
            throw new IllegalArgumentException(
                    "the model and its subsets must have the same placement, but the model has " + placement
                            + " and the subsets are drawn for " + subsets.placement());
        }
        if (placement == SubsetPlacement.ROUTE) {
            int end = subsets.route().in(depth).routeEnd();
            if (subsets.route().routeStart() != routeStart || end != routeEnd) {
                throw new IllegalArgumentException(
                        "the model and its subsets must have the same route, but the model has "
                                + "blocks " + routeStart + " to " + routeEnd + " and the subsets are drawn for "
                                + subsets.route().routeStart() + " to " + end);
            }
        }
    }

    /** Whether training needs a clean-image encoder: for alignment or for the class token. */
    public boolean needsEncoder() {
        return hasClassToken() || !encoderWidths.isEmpty();
    }

    /** The label that means "no class". */
    public int nullLabel() {
        return numClasses;
    }

    /** Whether a class token is generated jointly. */
    public boolean hasClassToken() {
        return classTokenWidth > 0;
    }

    private static void within(String name, int value, int least, int most) {
        require(value >= least && value <= most, name + " must be in [" + least + ", " + most + "]", value);
    }

    private static void requireSmall(String keys, String what, long values) {
        require(values <= MOST_VALUES, keys + " must give " + what + " at most " + MOST_VALUES + " numbers", values);
    }

    private static void requireRatio(String key, double ratio, String widthKey, int width) {
        require(
                ratio > 0 && ratio <= MixerConfig.MOST_RATIO,
                key + " must be in (0, " + MixerConfig.MOST_RATIO + "]",
                ratio);
        require(
                (long) (width * ratio) >= 1,
                key + " must give the MLP at least one unit with " + widthKey + " " + width,
                ratio);
    }

    private static void require(boolean holds, String rule, Object value) {
        if (!holds) {
            throw new IllegalArgumentException(rule + " but was " + value);
        }
    }
}
