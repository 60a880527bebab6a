package io.github.maskalign.sit.run;

import ai.djl.Device;
import ai.djl.engine.Engine;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.config.ConfigKey.OneOf;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.config.ConfigKey.Presets;
import io.github.maskalign.core.config.ConfigKey.Range;
import io.github.maskalign.core.config.ConfigKey.Sized;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.internal.NativeThreads;
import io.github.maskalign.core.sample.Guidance.Unconditional;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.encoders.published.NativeEncoder.EncoderName;
import io.github.maskalign.encoders.vit.Vit.VitParts;
import io.github.maskalign.sit.LossTerms;
import io.github.maskalign.sit.SiTConfig.AlignConfig;
import io.github.maskalign.sit.SiTConfig.ClassTokenConfig;
import io.github.maskalign.sit.SiTConfig.ModelConfig;
import io.github.maskalign.sit.SiTVariant;
import io.github.maskalign.sit.run.internal.EndToEndRun;
import io.github.maskalign.sit.run.internal.LocalGpu;
import io.github.maskalign.sit.run.internal.RunPrecision;
import io.github.maskalign.sit.run.internal.SampleSettings.AutoencoderChoice;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A whole experiment. The method is a matter of switches: SiT has {@code align} and {@code cls} off; REPA has
 * {@code align} on; REG has {@code cls} on as well; MaskAlign adds {@code mixer} and {@code subset}. Files and options may
 * name a method instead, {@code method: repa}, whose switches are a resource {@code methods/repa.yaml}.
 *
 * @param name name of the experiment; names the run folder
 * @param seed run seed; every random number follows from it
 * @param model size and input of the transformer
 * @param data what it is trained on
 * @param method what is learnt, and how
 * @param optim optimiser, clipping, moving average, learning rate
 * @param train length of the run, batch, saving
 * @param runtime device, precision, logging and previews: nothing that decides the mathematics
 * @param sample how previews and final samples are drawn
 * @param evaluate scores of samples while the run goes on
 */
@Presets(
        key = "method",
        names = {
            "sit",
            "repa",
            "reg",
            "maskalign",
            "repa-maskalign",
            "irepa",
            "haste",
            "layersync",
            "dispersive",
            "cfm",
            "sra",
            "tread",
            "sprint",
            "maskdit",
            "microdit",
            "dit",
            "ediffi",
            "redi",
            "mdtv2",
            "reglue",
            "repa-e"
        },
        sections = {"align", "cls", "mixer", "subset", "terms"},
        sized = "model",
        size = "model.depth",
        labelled = "name")
public record RunConfig(
        String name,
        @Default("0") long seed,
        ModelSection model,
        DataSection data,
        @Inline Method method,
        OptimConfig optim,
        TrainConfig train,
        @Default("{}") RuntimeSection runtime,
        @Default("{}") SamplerConfig sample,
        @Default("{}") EvaluateSection evaluate) {

    /**
     * The sections that tell the family's methods apart.
     *
     * @param diffusion path between data and noise, and how timesteps are drawn
     * @param align representation alignment
     * @param encoder where the clean-image tokens come from
     * @param moreEncoders further encoders to align with, each by a projector of its own
     * @param cls jointly generated class token
     * @param mixer token mixer before tokens are dropped
     * @param subset which tokens are kept, and where they leave and return
     * @param terms what relatives of MaskAlign add to the loss
     */
    public record Method(
            @Default("{path: LINEAR, timesteps: UNIFORM}") DiffusionConfig diffusion,
            @Default("{}") AlignConfig align,
            @Default("{}") EncoderSection encoder,
            @Default("[]") List<EncoderSection> moreEncoders,
            @Default("{}") ClassTokenConfig cls,
            @Default("{}") MixerConfig mixer,
            @Default("{}") SubsetConfig subset,
            @Default("{}") LossTerms terms) {
        /** Copies the list. */
        public Method {
            moreEncoders = List.copyOf(moreEncoders);
        }

        private List<EncoderSection> encoders() {
            return Stream.concat(Stream.of(encoder), moreEncoders.stream()).toList();
        }
    }

    /** Checks what joins several sections. */
    public RunConfig {
        if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]*")) {
            throw new IllegalArgumentException("name must be letters, digits, '.', '_' and '-' but was " + name);
        }
        AlignConfig align = method.align;
        EncoderSection encoder = method.encoder;
        ClassTokenConfig cls = method.cls;
        boolean features = method.terms.features().isPresent();
        boolean needsEncoder = align.enabled() || cls.enabled() || features;
        if (needsEncoder == (encoder.kind() == EncoderSection.Kind.NONE)) {
            throw new IllegalArgumentException(
                    needsEncoder
                            ? "encoder.kind must not be NONE while "
                                    + (features ? "there are terms.features" : "align.enabled or cls.enabled is true")
                            : "encoder.kind must be NONE while align.enabled and cls.enabled are false but was "
                                    + encoder.kind());
        }
        method.terms.endToEnd().ifPresent(term -> EndToEndRun.requireFits(data));
        if (encoder.kind() == EncoderSection.Kind.CACHED && data.kind() != DataSection.Kind.LATENTS) {
            throw new IllegalArgumentException(
                    "encoder.kind CACHED needs prepared latents, but data.kind was " + data.kind());
        }
        if (method.terms.attention().isPresent()
                && (encoder.kind() == EncoderSection.Kind.CACHED
                        || encoder.kind() == EncoderSection.Kind.TORCHSCRIPT)) {
            throw new IllegalArgumentException("terms.attention looks at the encoder's attention at each step, which"
                    + (encoder.kind() == EncoderSection.Kind.CACHED
                            ? " encoder.kind CACHED cannot give: prepared data hold tokens alone"
                            : " a file of encoder.kind TORCHSCRIPT does not hand out")
                    + "; choose encoder.kind NATIVE with published weights or EMBEDDED, over data with pictures, or take"
                    + " the term away");
        }
        if (!method.moreEncoders.isEmpty()) {
            boolean open = method.encoders().stream()
                    .noneMatch(e -> e.kind() == EncoderSection.Kind.NONE || e.kind() == EncoderSection.Kind.CACHED);
            if (!align.enabled() || !open) {
                throw new IllegalArgumentException("moreEncoders need align.enabled true, and kinds other than NONE and"
                        + " CACHED for themselves and encoder.kind, but were "
                        + method.encoders().stream().map(EncoderSection::kind).toList());
            }
        }
        if (cls.enabled() && method.diffusion.path() != Interpolant.LINEAR) {
            throw new IllegalArgumentException(
                    "diffusion.path must be LINEAR with a class token but was " + method.diffusion.path());
        }
        if (evaluate.every() > 0
                && data.kind() == DataSection.Kind.LATENTS
                && data.vae().isEmpty()) {
            throw new IllegalArgumentException(
                    "data.vae must name an autoencoder while evaluate.every is above 0, as latents of "
                            + model.inChannels() + " channels are no pictures; or none if they are pixels");
        }
        Process process = method.diffusion.process();
        requireMethod("sample", sample, process);
        if (evaluate.every() > 0) {
            requireMethod("evaluate", evaluate.sampling(sample), process);
        }
        if (sample.guidance().unconditional() == Unconditional.ROUTE_RATIO
                && method.subset.placement() != SubsetPlacement.ROUTE) {
            throw new IllegalArgumentException(
                    "sample.unconditional must be NULL_LABEL with subset.placement " + method.subset.placement()
                            + ", as ROUTE alone has tokens that go round blocks, but was ROUTE_RATIO");
        }
        if (sample.guidance().legacyGuidedChannels() > model.inChannels()) {
            throw new IllegalArgumentException("sample.legacyGuidedChannels must be at most model.inChannels, "
                    + model.inChannels() + ", or 0 for all channels, but was "
                    + sample.guidance().legacyGuidedChannels());
        }
        if (sample.guidance().unconditional() == Unconditional.PATH_DROP
                && method.subset.placement() != SubsetPlacement.SPARSE) {
            throw new IllegalArgumentException("sample.unconditional must be NULL_LABEL with subset.placement "
                    + method.subset.placement() + ", as SPARSE alone has a path to drop, but was PATH_DROP");
        }
        if (sample.guidance().unconditional() == Unconditional.NO_FEATURES && !features) {
            throw new IllegalArgumentException("sample.unconditional must be NULL_LABEL without terms.features, which"
                    + " guidance could do without, but was NO_FEATURES");
        }
        if (method.subset.placement().usesSubset() && method.subset.dropping().unmaskedTailSteps() > train.steps()) {
            throw new IllegalArgumentException("subset.unmaskedTailSteps must be at most train.steps, " + train.steps()
                    + ", but was " + method.subset.dropping().unmaskedTailSteps() + ": choose fewer, or"
                    + " subset.unmaskedTailShare, which follows the length of the run");
        }
        if (method.mixer.layers() > 0 && method.subset.placement() == SubsetPlacement.LOSS_ONLY) {
            throw new IllegalArgumentException(
                    "mixer.layers must be 0 with subset.placement LOSS_ONLY but was " + method.mixer.layers());
        }
    }

    private static void requireMethod(String section, SamplerConfig sampler, Process process) {
        try {
            sampler.method().requireFor(process);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(section + "." + e.getMessage(), e);
        }
        if (process == Process.DDPM && sampler.guidance().unconditional() != Unconditional.NULL_LABEL) {
            throw new IllegalArgumentException(
                    "sample.unconditional must be NULL_LABEL with diffusion.process DDPM but was "
                            + sampler.guidance().unconditional());
        }
    }

    /** The path between data and noise, and how timesteps are drawn. */
    public DiffusionConfig diffusion() {
        return method.diffusion;
    }

    /** Representation alignment. */
    public AlignConfig align() {
        return method.align;
    }

    /** Where the clean-image tokens come from. */
    public EncoderSection encoder() {
        return method.encoder;
    }

    /** All encoders; the first gives class token and attention. */
    public List<EncoderSection> encoders() {
        return method.encoders();
    }

    /** The jointly generated class token. */
    public ClassTokenConfig cls() {
        return method.cls;
    }

    /** The token mixer before tokens are dropped. */
    public MixerConfig mixer() {
        return method.mixer;
    }

    /** Which tokens are kept, and where they leave and return. */
    public SubsetConfig subset() {
        return method.subset;
    }

    /**
     * What a model is trained on.
     *
     * @param kind which data set
     * @param sets EMOJI: artists' sets, such as {@code noto}
     * @param drawings EMOJI: which of their drawings, and what the model sees of them
     * @param cache EMOJI, FOLDER: folder of the drawn or cropped pictures; the user's cache folder unless given
     * @param path LATENTS: folder of the prepared latents; FOLDER: the pictures, in class folders or an archive
     * @param scaling LATENTS: what the model is given of them
     * @param folders LATENTS in REPA's layout: where its parts are
     * @param vae LATENTS: autoencoder as diffusers publishes it, for pictures while the run goes on; {@code none} where the
     *     latents are pixels; no pictures unless given
     * @param pixels how values become bytes in pictures of the run; unless given the nearest level for EMOJI and FOLDER, and
     *     for LATENTS the rule of the method's project
     * @param readAhead batches that another thread prepares in advance, samples and random numbers; 0 prepares them when
     *     they are needed
     * @param flip FOLDER: whether each sample is mirrored left to right with probability 1/2
     */
    public record DataSection(
            Kind kind,
            @Default("[]") List<String> sets,
            @Inline Drawings drawings,
            @Default("null") Optional<Path> cache,
            @Default("null") Optional<Path> path,
            @Inline Scaling scaling,
            @Inline Folders folders,
            @Default("null") Optional<Path> vae,
            @Default("null") Optional<PixelScaling> pixels,
            @NonNegative @Default("4") int readAhead,
            @Default("false") boolean flip) {

        /**
         * What the model is given of a sample of the autoencoder's posterior: (sample − bias) · scale, or with statistics
         * (sample − mean) / deviation · multiplier by channel.
         *
         * @param scale factor, above 0
         * @param bias subtracted before
         * @param statistics file of mean and deviation of each channel; {@code prepared} for what {@code prepare} measured;
         *     scale and bias are used unless given
         * @param multiplier factor of the normalised latents, above 0
         */
        public record Scaling(
                @Positive @Default("0.18215") double scale,
                @Default("0.0") double bias,
                @Default("null") Optional<Path> statistics,
                @Positive @Default("1.0") double multiplier) {
            private static final double STABLE_DIFFUSION = 0.18215;

            /** Checks that one of the two ways is meant. */
            public Scaling {
                if (statistics.isPresent() && (scale != STABLE_DIFFUSION || bias != 0)) {
                    throw new IllegalArgumentException(
                            "scale and bias have no place beside statistics, which hold both for"
                                    + " each channel, but were " + scale + " and " + bias
                                    + "; multiplier scales what they give");
                }
                if (statistics.isEmpty() && multiplier != 1) {
                    throw new IllegalArgumentException(
                            "multiplier goes with statistics but was " + multiplier + "; without them set scale");
                }
            }
        }

        /**
         * Folders of REPA's layout.
         *
         * @param imagesFolder name of the folder of pictures
         * @param latentsFolder name of the folder of latents
         */
        public record Folders(
                @Default("images") String imagesFolder,
                @Default("vae-sd") String latentsFolder) {}

        /**
         * Which drawings of the sets, and as what.
         *
         * @param space what the model sees
         * @param classes names of groups of drawings, in the order of their labels; empty for all drawings by category
         */
        public record Drawings(
                @Default("PIXELS") Space space,
                @Default("[]") List<String> classes) {
            /** Copies the list. */
            public Drawings {
                classes = List.copyOf(classes);
            }
        }

        /** What a model sees of drawings. */
        public enum Space {
            /** Their pixels, at the side of the model's input. */
            PIXELS,
            /** Latents of the autoencoder that comes with the library, of drawings four times as wide. */
            LATENTS
        }

        /** Data sets. */
        public enum Kind {
            /** Drawings of emoji by several artists, made from a Maven artefact; by {@code space} their pixels or latents. */
            EMOJI,
            /** Latents of a picture set, prepared in advance. */
            LATENTS,
            /** Pictures in class folders, a zip, tars or WebDataset, cropped to the model's side; pixels are the latents. */
            FOLDER
        }

        /** Checks that the keys fit the kind. */
        public DataSection {
            sets = List.copyOf(sets);
            if (kind == Kind.EMOJI && sets.isEmpty()) {
                throw new IllegalArgumentException("sets must name at least one artist's set for EMOJI");
            }
            if (kind != Kind.LATENTS && vae.isPresent() && !AutoencoderChoice.isNone(vae.get())) {
                throw new IllegalArgumentException(
                        "vae has no place with " + kind + ", whose latents are pictures or those of the library's own"
                                + " autoencoder, but was " + vae.get());
            }
            if (kind != Kind.EMOJI
                    && (drawings.space() != Space.PIXELS || !drawings.classes().isEmpty())) {
                throw new IllegalArgumentException("space and classes go with EMOJI, not with " + kind + ", but were "
                        + drawings.space() + " and " + drawings.classes());
            }
            if (kind != Kind.LATENTS && scaling.statistics().isPresent()) {
                throw new IllegalArgumentException("statistics goes with LATENTS, not with " + kind + ", but was "
                        + scaling.statistics().get());
            }
            if (kind == Kind.LATENTS && path.isEmpty()) {
                throw new IllegalArgumentException("path must name the folder of the latents for LATENTS");
            }
            if (kind == Kind.FOLDER && path.isEmpty()) {
                throw new IllegalArgumentException("path must name the folder or archive of the pictures for FOLDER");
            }
            if (kind != Kind.FOLDER && flip) {
                throw new IllegalArgumentException("flip must be false with " + kind
                        + ", as FOLDER alone can mirror pictures while it trains, but was true");
            }
        }

        /** Whether the model is trained on latents of the embedded autoencoder. */
        public boolean embedded() {
            return kind == Kind.EMOJI && drawings.space() == Space.LATENTS;
        }
    }

    /**
     * Where the clean-image tokens come from.
     *
     * @param kind which encoder
     * @param width width Z of its tokens
     * @param path TORCHSCRIPT, NATIVE: the file
     * @param sha256 TORCHSCRIPT, NATIVE: its hash, which is checked before anything reads the file
     * @param trust TORCHSCRIPT: whether a file without a hash may run, whatever it does
     * @param preprocessing TORCHSCRIPT: how pictures are scaled and normalised for it
     * @param model NATIVE: which published encoder the file holds, such as {@code dinov2-vit-b}
     * @param heads NATIVE: attention heads; 0 for those of the published model
     * @param positions NATIVE: how the position table is made for other grids than its own; REPA's way is ANTIALIAS
     */
    public record EncoderSection(
            @Default("NONE") Kind kind,
            @Range(min = 1, max = 65_536) @Default("128") int width,
            @Default("null") Optional<Path> path,
            @Default("null") Optional<String> sha256,
            @Default("false") boolean trust,
            @Default("dinov2") String preprocessing,
            @Default("dinov2") String model,
            @NonNegative @Default("0") int heads,
            @Default("ANTIALIAS") VitParts.Positions positions) {

        /** Encoders. */
        public enum Kind {
            /** None: neither alignment nor a class token. */
            NONE,
            /** The small emoji encoder that comes with the library. */
            EMBEDDED,
            /** A TorchScript file, such as an exported DINOv2. */
            TORCHSCRIPT,
            /** Published weights, such as DINOv2's, computed by the library's own transformer. */
            NATIVE,
            /** Tokens that were computed when the data was prepared. */
            CACHED
        }

        /** Checks that the keys fit the kind. */
        public EncoderSection {
            boolean needsFile = kind == Kind.TORCHSCRIPT || kind == Kind.NATIVE;
            if (needsFile && path.isEmpty()) {
                throw new IllegalArgumentException("path must name the file for " + kind);
            }
            if (sha256.isPresent() && !sha256.get().matches("[0-9a-f]{64}")) {
                throw new IllegalArgumentException("sha256 must be 64 hexadecimal digits but was " + sha256.get());
            }
            EncoderName.parse(model);
        }
    }

    /**
     * How a run uses its machine and what it shows.
     *
     * @param device where it runs
     * @param precision arithmetic of matrix products
     * @param threads threads of one operation on the CPU; 0 leaves the choice to the engine
     * @param logEvery steps between two lines of {@code stats.jsonl}
     * @param previewEvery steps between two sample grids; 0 draws one at the end alone
     * @param previewPictures pictures of a grid
     * @param previewScale how many times a picture is enlarged in a grid
     * @param deterministic whether equal bits are promised: only deterministic algorithms, and a run goes on only with the
     *     same device, processor, kernels, threads, ranks and versions
     */
    public record RuntimeSection(
            @OneOf({"cpu", "gpu"}) @Default("cpu") String device,
            @Default("FLOAT32") RunPrecision precision,

            @Range(min = 0, max = NativeThreads.MOST) @Default("0")
            int threads,

            @Positive @Default("10") int logEvery,
            @NonNegative @Default("0") int previewEvery,
            @Positive @Default("16") int previewPictures,
            @Positive @Default("1") int previewScale,
            @Default("false") boolean deterministic) {

        /**
         * Returns the device of one of the processes on this machine.
         *
         * @param localRank which of them, from 0
         * @param environment variables of this process
         * @throws IllegalArgumentException if there is no GPU for it, see {@link LocalGpu}
         */
        public Device device(int localRank, Map<String, String> environment) {
            if (device.equals("cpu")) {
                return Device.cpu();
            }
            int gpus = Engine.getInstance().getGpuCount();
            if (gpus == 0) {
                throw new IllegalArgumentException(
                        "runtime.device is gpu but the engine sees none; run 'maskalign doctor', or set runtime.device=cpu");
            }
            return LocalGpu.of(localRank, gpus, environment);
        }
    }

    /**
     * {@link ModelConfig} as files say it, where a published variant may stand for sizes of one's own.
     *
     * @param variant such as {@code SiT-B/2}; without it patchSize, hiddenSize, depth and numHeads must be given
     * @param inputSize side of the latent
     * @param inChannels channels of the latent
     * @param numClasses number of classes
     * @param classDropoutProb probability that a label is dropped in training
     * @param qkNorm whether q and k are normalised
     * @param mlpRatio MLP width over token width
     * @param sizes sizes of one's own
     */
    public record ModelSection(
            @Default("null") Optional<SiTVariant> variant,
            @Range(min = 1, max = 8192) int inputSize,
            @Range(min = 1, max = 65_536) int inChannels,
            @Range(min = 1, max = 1 << 24) int numClasses,

            @Range(min = 0, max = 1, maxExclusive = true) @Default("0.1")
            double classDropoutProb,

            @Default("false") boolean qkNorm,

            @Range(min = 0, minExclusive = true, max = 256) @Default("4.0")
            double mlpRatio,

            @Inline Sizes sizes)
            implements Sized {

        /**
         * What a variant says.
         *
         * @param patchSize patch side
         * @param hiddenSize token width
         * @param depth number of blocks
         * @param numHeads attention heads
         */
        public record Sizes(
                @Default("null") Optional<Integer> patchSize,
                @Default("null") Optional<Integer> hiddenSize,
                @Default("null") Optional<Integer> depth,
                @Default("null") Optional<Integer> numHeads) {}

        /** Checks that there is either a variant or all sizes. */
        public ModelSection {
            boolean all = sizes.patchSize.isPresent()
                    && sizes.hiddenSize.isPresent()
                    && sizes.depth.isPresent()
                    && sizes.numHeads.isPresent();
            boolean any = sizes.patchSize.isPresent()
                    || sizes.hiddenSize.isPresent()
                    || sizes.depth.isPresent()
                    || sizes.numHeads.isPresent();
            if (variant.isPresent() && any) {
                throw new IllegalArgumentException(
                        "variant already says patchSize, hiddenSize, depth and numHeads; leave these or the variant out");
            }
            if (variant.isEmpty() && !all) {
                throw new IllegalArgumentException(
                        "variant must be given, or else all of patchSize, hiddenSize, depth and numHeads");
            }
        }

        /** Returns the number of blocks. */
        @Override
        public int size() {
            return variant.map(SiTVariant::depth).orElseGet(sizes.depth::orElseThrow);
        }

        /** Returns the sizes, whichever way they were given. */
        public ModelConfig resolved() {
            return new ModelConfig(
                    inputSize,
                    variant.map(SiTVariant::patchSize).orElseGet(sizes.patchSize::orElseThrow),
                    inChannels,
                    variant.map(SiTVariant::hiddenSize).orElseGet(sizes.hiddenSize::orElseThrow),
                    size(),
                    variant.map(SiTVariant::numHeads).orElseGet(sizes.numHeads::orElseThrow),
                    mlpRatio,
                    numClasses,
                    classDropoutProb,
                    qkNorm);
        }
    }
}
