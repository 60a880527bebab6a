package io.github.maskalign.sit;

import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.config.ConfigKey.Range;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.train.LossSchedule;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Everything that decides a SiT's parameters, its path through them and its loss, under the names of a run's config. What
 * no key says follows from the encoder or the weights: widths of tokens, and the head's channels.
 *
 * @param model size and input
 * @param align representation alignment; enabled if there is an encoder to align with
 * @param cls the class token that is generated jointly (REG); enabled if it has a width
 * @param mixer the token mixer
 * @param subset which tokens training keeps, and where the others leave and return
 * @param encoderWidths widths Z of the encoders to align with, at most 64 in [1, 65536]; empty means no projector
 * @param classTokenWidth width Z of the class token, at most 65536; 0 means none
 * @param learnSigma whether the head predicts 2C channels, of which the first C are the velocity, or with DDPM the noise
 * @param terms what the method's relatives add to the loss
 * @param process what the model is trained on: FLOW, whose velocity it predicts, or DDPM, whose noise and variance it predicts
 *     (DiT), which needs learnSigma
 */
public record SiTConfig(
        ModelConfig model,
        AlignConfig align,
        ClassTokenConfig cls,
        MixerConfig mixer,
        SubsetConfig subset,
        List<Integer> encoderWidths,
        int classTokenWidth,
        boolean learnSigma,
        LossTerms terms,
        Process process) {

    private static final int MOST_ENCODERS = 64;
    private static final double PUBLISHED_COEFF = 0.5; // REPA
    private static final double PUBLISHED_BETA = 0.03; // REG

    /** @throws IllegalArgumentException for parts that do not fit together, or widths out of their ranges */
    public SiTConfig {
        Objects.requireNonNull(model, "model must be given");
        encoderWidths = List.copyOf(encoderWidths);
        ModelConfig.require(
                encoderWidths.size() <= MOST_ENCODERS,
                "encoderWidths must name at most " + MOST_ENCODERS + " encoders",
                encoderWidths.size());
        encoderWidths.forEach(z -> ModelConfig.within("encoderWidths", z, 1, ModelConfig.MOST_WIDTH));
        ModelConfig.within("classTokenWidth", classTokenWidth, 0, ModelConfig.MOST_WIDTH);
        ModelConfig.require(
                align.enabled() != encoderWidths.isEmpty(),
                "align.enabled must say whether there are encoderWidths " + encoderWidths,
                align.enabled());
        ModelConfig.require(
                cls.enabled() == classTokenWidth > 0,
                "cls.enabled must say whether there is a classTokenWidth, here " + classTokenWidth + ",",
                cls.enabled());
        if (mixer.layers() > 0) {
            int width = mixer.width() == 0 ? model.hiddenSize() : mixer.width();
            ModelConfig.requireRatio("mixer.mlpRatio", mixer.mlpRatio(), "mixer.width", width);
            if (mixer.bottleneck() != MixerConfig.Bottleneck.RESIDUAL && width == model.hiddenSize()) {
                throw new IllegalArgumentException("mixer.bottleneck " + mixer.bottleneck()
                        + " is the way into layers of" + " another width than the model's, " + width
                        + ": choose another mixer.width, or RESIDUAL");
            }
        }
        if (align.enabled()) {
            align.requireFits(encoderWidths.size(), model.depth());
        }
        if (subset.placement() == SubsetPlacement.ROUTE) {
            subset.route().in(model.depth());
        }
        if (subset.placement() == SubsetPlacement.SPARSE) {
            subset.sparse().requireIn(model.depth());
        }
        terms.features()
                .ifPresent(group -> ModelConfig.require(
                        group.channels() < model.inChannels(),
                        "terms.features.channels must be fewer than all channels of the model, " + model.inChannels()
                                + ", as the latent has some",
                        group.channels()));
        terms.requireFits(model.depth(), cls.enabled() || align.enabled(), subset);
        if (process == Process.DDPM) {
            ChainFit.require(cls, learnSigma, terms);
        } else if (terms.minSnr() > 0) {
            throw new IllegalArgumentException(
                    "terms.minSnr must be 0 with diffusion.process FLOW but was " + terms.minSnr());
        }
        if (subset.placement() == SubsetPlacement.MASKED_PASS) {
            SubsetFit.requireMaskedPass(model, align, cls, mixer, subset, terms);
        }
        EndToEnd.requireFits(align, cls, mixer, subset, terms, process);
        if (terms.mae().isPresent()) {
            SubsetFit.requireMasked(model, subset);
        }
        SubsetConfig tokens = subset;
        int blocks = model.depth();
        terms.layerSync().ifPresent(term -> SubsetFit.requireEqualTokens(tokens, term, blocks));
        if (align.enabled() && align.projector() == AlignConfig.ProjectorKind.CONV) {
            boolean some = align.depthsOf(encoderWidths.size()).stream()
                    .anyMatch(depth -> alignsSubset(subset, depth, model.depth()));
            SubsetFit.requireGrid(cls, some ? subset.placement() : SubsetPlacement.NONE);
        }
    }

    /** A model of velocities. */
    public SiTConfig(
            ModelConfig model,
            AlignConfig align,
            ClassTokenConfig cls,
            MixerConfig mixer,
            SubsetConfig subset,
            List<Integer> encoderWidths,
            int classTokenWidth,
            boolean learnSigma,
            LossTerms terms) {
        this(model, align, cls, mixer, subset, encoderWidths, classTokenWidth, learnSigma, terms, Process.FLOW);
    }

    /** Plain SiT: no projector, class token, mixer or subsets; label dropout 0.1. */
    public static SiTConfig of(
            int inputSize, int patchSize, int inChannels, int hiddenSize, int depth, int numHeads, int numClasses) {
        return of(new ModelConfig(
                inputSize, patchSize, inChannels, hiddenSize, depth, numHeads, 4.0, numClasses, 0.1, false));
    }

    /** Plain SiT: no projector, class token, mixer or subsets. */
    public static SiTConfig of(ModelConfig model) {
        return new SiTConfig(
                model,
                new AlignConfig(false, Math.min(model.depth(), model.depth() > 12 ? 8 : 4), PUBLISHED_COEFF, 2048),
                new ClassTokenConfig(false, PUBLISHED_BETA),
                MixerConfig.NONE,
                SubsetConfig.none(),
                List.of(),
                0,
                false,
                LossTerms.NONE);
    }

    /** Adds REPA's projectors at a depth, with hidden layers of width {@code projectorDim}; no widths take them away. */
    public SiTConfig withAlignment(int depth, int projectorDim, List<Integer> widths) {
        return with(align.withDepths(List.of()).with(!widths.isEmpty(), depth, align.coeff(), projectorDim), widths);
    }

    /** Adds REG's class token; width 0 takes it away. */
    public SiTConfig withClassToken(int width) {
        ClassTokenConfig token = new ClassTokenConfig(width > 0, cls.beta());
        return new SiTConfig(model, align, token, mixer, subset, encoderWidths, width, learnSigma, terms, process);
    }

    /** Sets the weights β and λ of the losses of class token and alignment. */
    public SiTConfig withLossWeights(double beta, double coeff) {
        SiTConfig weighted =
                with(align.with(align.enabled(), align.depth(), coeff, align.projectorDim()), encoderWidths);
        ClassTokenConfig token = new ClassTokenConfig(cls.enabled(), beta);
        return new SiTConfig(
                model,
                weighted.align,
                token,
                mixer,
                subset,
                encoderWidths,
                classTokenWidth,
                learnSigma,
                terms,
                process);
    }

    /** Adds a token mixer. */
    public SiTConfig withMixer(MixerConfig config) {
        return new SiTConfig(
                model, align, cls, config, subset, encoderWidths, classTokenWidth, learnSigma, terms, process);
    }

    /** Sets which tokens training keeps, and where the others leave and return. */
    public SiTConfig withSubset(SubsetConfig config) {
        return new SiTConfig(
                model, align, cls, mixer, config, encoderWidths, classTokenWidth, learnSigma, terms, process);
    }

    /**
     * Sets where dropped tokens leave and return; the route is used by ROUTE only. A subset without a ratio gets the
     * paper's, so that a placement never means that nothing is dropped.
     */
    public SiTConfig withPlacement(SubsetPlacement where, int routeStart, int routeEnd) {
        SubsetConfig placed = subset.withPlacement(where).withRoute(routeStart, routeEnd);
        boolean none = where.usesSubset() && placed.dropping().ratio() == 0;
        return withSubset(
                none ? placed.withRatio(SubsetConfig.defaults().dropping().ratio()) : placed);
    }

    /**
     * Sets placement SPARSE with so many dense blocks at each end; see {@link #withPlacement} for the ratio.
     *
     * @param pathDrop probability that a training sample does without the others
     */
    public SiTConfig withSparse(int dense, double pathDrop) {
        SubsetConfig.Route route = subset.route();
        return withSubset(subset.withSparse(dense, pathDrop))
                .withPlacement(SubsetPlacement.SPARSE, route.routeStart(), route.routeEnd());
    }

    /** Sets MLP ratio, label dropout, q/k norm, and whether the head predicts sigma too. */
    public SiTConfig withOptions(double mlpRatio, double classDropoutProb, boolean qkNorm, boolean sigma) {
        ModelConfig sized = model.withOptions(mlpRatio, classDropoutProb, qkNorm);
        return new SiTConfig(sized, align, cls, mixer, subset, encoderWidths, classTokenWidth, sigma, terms, process);
    }

    /** Sets all of the alignment but whether there is one, which the encoder's widths say. */
    public SiTConfig withAlignment(AlignConfig config) {
        return with(config.with(align.enabled(), config.depth(), config.coeff(), config.projectorDim()), encoderWidths);
    }

    /** Sets what relatives of the method add to the loss. */
    public SiTConfig withTerms(LossTerms added) {
        return new SiTConfig(
                model, align, cls, mixer, subset, encoderWidths, classTokenWidth, learnSigma, added, process);
    }

    /** Sets what the model is trained on: with DDPM its head predicts 2C channels (DiT), with FLOW C. */
    public SiTConfig withProcess(Process trained) {
        boolean sigma = trained == Process.DDPM;
        return new SiTConfig(model, align, cls, mixer, subset, encoderWidths, classTokenWidth, sigma, terms, trained);
    }

    private SiTConfig with(AlignConfig config, List<Integer> widths) {
        return new SiTConfig(model, config, cls, mixer, subset, widths, classTokenWidth, learnSigma, terms, process);
    }

    /**
     * Adds features beside the latent, whose channels come behind those that the model has, in input and output.
     *
     * @throws IllegalArgumentException if it has features already
     */
    public SiTConfig withFeatures(LossTerms.Features group) {
        ModelConfig.require(terms.features().isEmpty(), "a model has one group of features", terms.features());
        ModelConfig wider = model.withInChannels(Math.addExact(model.inChannels(), group.channels()));
        return new SiTConfig(
                wider,
                align,
                cls,
                mixer,
                subset,
                encoderWidths,
                classTokenWidth,
                learnSigma,
                terms.withFeatures(group));
    }

    /** Returns how many channels are features, the last ones; 0 if none are. */
    public int featureChannels() {
        return terms.features().map(LossTerms.Features::channels).orElse(0);
    }

    /** Returns how many channels are those of the latent, the first ones: all that are no features. */
    public int latentChannels() {
        return model.inChannels() - featureChannels();
    }

    /** Width of the tokens that the head sees: the decoder's if there is one. */
    int headWidth() {
        return subset.decoder().map(SubsetConfig.Decoder::width).orElse(model.hiddenSize());
    }

    /** Whether the velocity loss covers the kept patches alone. */
    boolean scoresKept() {
        return subset.placement() == SubsetPlacement.DROP || subset.decoder().isPresent();
    }

    /** Side G of the token grid. */
    public int grid() {
        return model.inputSize() / model.patchSize();
    }

    /** Number T of patch tokens. */
    public int tokens() {
        return grid() * grid();
    }

    /** Channels the head predicts: C, or 2C with learnSigma. */
    public int outChannels() {
        return learnSigma ? 2 * model.inChannels() : model.inChannels();
    }

    /** Channels that the model hands out: C of the velocity, or with DDPM 2C, of the noise and the variance. */
    public int predictedChannels() {
        return process == Process.DDPM ? outChannels() : model.inChannels();
    }

    /** The blocks of ROUTE, both counted from 0. */
    public SubsetConfig.Route route() {
        return subset.route().in(model.depth());
    }

    /**
     * Whether all alignment is over the kept tokens: with DROP, DROP_REINSERT and LOSS_ONLY always, with ROUTE where
     * routeStart &lt; align.depth ≤ routeEnd + 1, with SPARSE where dense &lt; align.depth ≤ L − dense.
     */
    public boolean alignsSubset() {
        return align.depthsOf(Math.max(1, encoderWidths.size())).stream()
                .allMatch(depth -> alignsSubset(subset, depth, model.depth()));
    }

    /** Whether the alignment of one projector is over the kept tokens. */
    boolean alignsSubset(int projector) {
        return alignsSubset(subset, align.depthOf(projector), model.depth());
    }

    private static boolean alignsSubset(SubsetConfig subset, int alignDepth, int depth) {
        return subset.placement() == SubsetPlacement.LOSS_ONLY || SubsetFit.sees(subset, alignDepth, depth);
    }

    /**
     * Checks that a run draws its subsets for this model: both name the same placement and, with ROUTE, the same blocks.
     *
     * @throws IllegalArgumentException if they do not, for then one of the two would be ignored
     */
    void requirePlacement(SubsetConfig drawn) {
        SubsetFit.requireSame(subset, drawn, model.depth());
    }

    /** Whether training needs a clean-image encoder: for alignment, for the class token, or for features. */
    public boolean needsEncoder() {
        return cls.enabled() || align.enabled() || terms.features().isPresent();
    }

    /** The label that means "no class". */
    public int nullLabel() {
        return model.numClasses();
    }

    /** Whether a class token is generated jointly. */
    public boolean hasClassToken() {
        return cls.enabled();
    }

    /**
     * Representation alignment (REPA), with iREPA's changes.
     *
     * @param enabled whether hidden tokens are aligned
     * @param depth number of blocks run before the hidden tokens are projected; mixing layers do not count
     *     (official {@code encoder_depth})
     * @param depths such a number for each projector, in the order of the encoders, where they differ; with one encoder there
     *     is a projector for each, and all follow it; empty for one projector at {@code depth} for each encoder
     * @param coeff weight λ of the alignment loss, at least 0
     * @param projectorDim width of the projector's hidden layers, in [1, 65536]; MLP
     * @param projector what brings hidden tokens to the encoder's width
     * @param kernel side of the convolution's kernel, odd; CONV
     * @param spatialNorm share γ of its mean over the picture that is taken from each channel of the target, which then gets
     *     unit spread; iREPA's is 0.6 to 0.8; null leaves the target as it is
     * @param weight how the weight λ changes over the run
     */
    public record AlignConfig(
            @Default("false") boolean enabled,
            @Positive @Default("4") int depth,
            @Positive @Default("[]") List<Integer> depths,
            @NonNegative @Default("0.5") double coeff,

            @Range(min = 1, max = ModelConfig.MOST_WIDTH) @Default("2048")
            int projectorDim,

            @Default("MLP") ProjectorKind projector,

            @Range(min = 1, max = 31) @Default("3") int kernel,

            @Default("null") Optional<Double> spatialNorm,
            @Inline LossSchedule weight) {

        /** Projectors. */
        public enum ProjectorKind {
            /** Three linear layers on each token (REPA). */
            MLP,
            /** One convolution over the grid of tokens (iREPA). */
            CONV
        }

        /** @throws IllegalArgumentException if a number is out of its range; the depth has to fit the model alone */
        public AlignConfig {
            depths = List.copyOf(depths);
            ModelConfig.require(coeff >= 0 && Double.isFinite(coeff), "align.coeff must be at least 0", coeff);
            ModelConfig.within("align.projectorDim", projectorDim, 1, ModelConfig.MOST_WIDTH);
            ModelConfig.require(kernel % 2 == 1, "align.kernel must be odd", kernel);
            double gamma = spatialNorm.orElse(0.0);
            ModelConfig.require(gamma >= 0 && gamma <= 1, "align.spatialNorm must be in [0, 1] or null", gamma);
        }

        /** REPA's alignment. */
        public AlignConfig(boolean enabled, int depth, double coeff, int projectorDim) {
            this(
                    enabled,
                    depth,
                    List.of(),
                    coeff,
                    projectorDim,
                    ProjectorKind.MLP,
                    3,
                    Optional.empty(),
                    LossSchedule.ALWAYS);
        }

        /** Returns the same alignment with iREPA's convolution and normalised target. */
        public AlignConfig withSpatial(int side, double gamma) {
            return new AlignConfig(
                    enabled, depth, depths, coeff, projectorDim, ProjectorKind.CONV, side, Optional.of(gamma), weight);
        }

        /** Returns the same alignment with another projector; the kernel is used by CONV only. */
        public AlignConfig withProjector(ProjectorKind kind, int side) {
            return new AlignConfig(enabled, depth, depths, coeff, projectorDim, kind, side, spatialNorm, weight);
        }

        /** Returns the same alignment with a weight that changes. */
        public AlignConfig withWeight(LossSchedule course) {
            return new AlignConfig(enabled, depth, depths, coeff, projectorDim, projector, kernel, spatialNorm, course);
        }

        /** Returns the same alignment with a depth for each projector; none for the same depth for all. */
        public AlignConfig withDepths(List<Integer> places) {
            return new AlignConfig(enabled, depth, places, coeff, projectorDim, projector, kernel, spatialNorm, weight);
        }

        /** Returns the depth of a projector, which are counted from 0. */
        public int depthOf(int k) {
            return depths.isEmpty() ? depth : depths.get(k);
        }

        /** Returns the depths of the first projectors. */
        List<Integer> depthsOf(int count) {
            return depths.isEmpty() ? Collections.nCopies(count, depth) : depths;
        }

        private void requireFits(int projectors, int blocks) {
            ModelConfig.require(
                    depths.isEmpty() || depths.size() == projectors,
                    "align.depths must be empty or name a depth for each of " + projectors + " projectors",
                    depths);
            for (int place : depthsOf(projectors)) {
                String key = depths.isEmpty() ? "align.depth" : "align.depths";
                ModelConfig.require(place >= 1 && place <= blocks, key + " must be in [1, " + blocks + "]", place);
            }
        }

        AlignConfig with(boolean on, int at, double lambda, int hidden) {
            return new AlignConfig(on, at, depths, lambda, hidden, projector, kernel, spatialNorm, weight);
        }
    }

    /**
     * The jointly generated class token (REG).
     *
     * @param enabled whether there is one
     * @param beta weight β of its velocity loss, at least 0
     */
    public record ClassTokenConfig(
            @Default("false") boolean enabled,
            @NonNegative @Default("0.03") double beta) {

        /** @throws IllegalArgumentException if the weight is negative or not finite */
        public ClassTokenConfig {
            ModelConfig.require(beta >= 0 && Double.isFinite(beta), "cls.beta must be at least 0", beta);
        }
    }

    /**
     * Size and input of a transformer.
     *
     * <p>The largest sizes are far beyond any model in use and keep every count of parameters, tokens and numbers in range: an
     * input has at most 2²⁶ numbers (C H W), the position table too (T D).
     *
     * @param inputSize side H = W of the input in [1, 8192], a multiple of patchSize
     * @param patchSize patch side p
     * @param inChannels input channels C, in [1, 65536]; those of features come last, see {@link LossTerms.Features}
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
            require(
                    inputSize % patchSize == 0,
                    "model.inputSize must be a multiple of model.patchSize " + patchSize,
                    inputSize);
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
                    inputSize,
                    patchSize,
                    inChannels,
                    hiddenSize,
                    depth,
                    numHeads,
                    ratio,
                    numClasses,
                    dropout,
                    normalise);
        }

        /** Returns this with another number of channels. */
        ModelConfig withInChannels(int channels) {
            return new ModelConfig(
                    inputSize,
                    patchSize,
                    channels,
                    hiddenSize,
                    depth,
                    numHeads,
                    mlpRatio,
                    numClasses,
                    classDropoutProb,
                    qkNorm);
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
}
