package io.github.maskalign.encoders.published;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.encoders.vit.Vit;
import io.github.maskalign.encoders.vit.Vit.VitParts;
import io.github.maskalign.encoders.vit.Vit.VitParts.Activation;
import io.github.maskalign.encoders.vit.VitConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A published encoder, computed by the library's own transformer from the published weights: safetensors of Hugging Face
 * or the authors' {@code .pth}; of DINOv3, SigLIP 2, Perception Encoder and C-RADIO also timm's.
 *
 * <p>Where the tokens have no class token, it is the vector of the pooling head (SigLIP 2, Perception Encoder core G); without
 * that too (I-JEPA, Perception Encoder spatial G) it is zeros, and {@link #hasClassToken()} says so. Of several (C-RADIO) it is
 * the first.
 */
public final class NativeEncoder implements RepresentationEncoder {
    private final NDManager manager;
    private final Vit transformer;
    private final ParameterStore store;
    private final Preprocessing preprocessing;
    private final int lastBlocks;

    /**
     * What to open.
     *
     * @param name which encoder
     * @param heads attention heads; 0 for those of the published model
     * @param positions rule for pictures of another grid; REPA's is ANTIALIAS
     * @param pictureSide side of the pictures in pixels; 0 for 256 pixels and 16 × 16 tokens
     * @param grid tokens along a side of such a picture: it is resized to that many patches
     * @param precision arithmetic of the matrix products
     */
    public record Options(
            EncoderName name, int heads, VitParts.Positions positions, int pictureSide, int grid, Precision precision) {
        /** @throws IllegalArgumentException if a number is out of its range */
        public Options {
            if (heads < 0 || pictureSide < 0 || (pictureSide > 0 && grid < 1)) {
                throw new IllegalArgumentException(
                        "heads and pictureSide must be at least 0, and grid at least 1 for a side, but were " + heads
                                + ", " + pictureSide + " and " + grid);
            }
        }

        /** The published encoder as REPA uses it. */
        public static Options of(String name) {
            return new Options(EncoderName.parse(name), 0, VitParts.Positions.ANTIALIAS, 0, 0, Precision.FLOAT32);
        }
    }

    private NativeEncoder(NDManager manager, Vit transformer, Preprocessing preprocessing, int lastBlocks) {
        this.manager = manager;
        this.transformer = transformer;
        this.preprocessing = preprocessing;
        this.lastBlocks = lastBlocks;
        store = new ParameterStore(manager, false);
    }

    /**
     * Opens an encoder.
     *
     * @param file its weights
     * @param device where it computes; its pictures must be there too
     * @throws CheckpointFormatException if the file holds another encoder; says all that differs
     */
    public static NativeEncoder open(Path file, Options options, Device device) throws IOException {
        NDManager manager = NDManager.newBaseManager(device);
        try (WeightsFile weights = WeightsFile.open(file);
                GradMode off = GradMode.off()) {
            EncoderFamily family = options.name().family();
            StateDict section = section(weights, family);
            Map<String, TensorSource> tensors = PublishedNames.of(section, family, file.toString());
            VitConfig config =
                    PublishedGeometry.of(tensors, family, options.heads(), options.positions(), file.toString());
            requireName(config, options.name(), file);
            if (config.parts().rotary()
                    != VitParts.Rotary.NONE) { // which only the authors' DINOv3 brings, rounded to bfloat16
                float[] periods = config.rotaryPeriods();
                tensors.putIfAbsent("rope_embed.periods", TensorSource.of(new Shape(periods.length), periods));
            }
            Vit transformer = new Vit(config, options.precision());
            requireFits(tensors, transformer, file); // before any memory is taken
            Shape picture = new Shape(1, 3, config.imageSize(), config.imageSize());
            transformer.initialize(manager, DataType.FLOAT32, picture);
            copy(tensors, transformer, file);
            Preprocessing usual = InputConditioner.of(section, family.preprocessing(), file);
            return new NativeEncoder(manager, transformer, preprocessing(usual, options, config.patchSize()), 1);
        } catch (IOException | RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    private static StateDict section(WeightsFile weights, EncoderFamily family) throws IOException {
        String usual = family.section();
        return usual != null && weights.sections().contains(usual) ? weights.stateDict(usual) : weights.stateDict();
    }

    private static void requireName(VitConfig config, EncoderName name, Path file) throws CheckpointFormatException {
        if (name.width().isPresent() && name.width().getAsInt() != config.width()) {
            throw new CheckpointFormatException(
                    file,
                    "an encoder of this name has tokens of width "
                            + name.width().getAsInt() + " but these are " + config.width() + " wide");
        }
        if (name.family() == EncoderFamily.DINOV2
                && name.registers() != config.parts().registers() > 0) {
            throw new CheckpointFormatException(
                    file,
                    "this DINOv2 has " + config.parts().registers() + " registers; its name is "
                            + (name.registers() ? "dinov2" : "dinov2reg"));
        }
    }

    private static void requireFits(Map<String, TensorSource> tensors, Vit transformer, Path file)
            throws CheckpointFormatException {
        Map<String, Shape> expected = new LinkedHashMap<>();
        ParameterKeys.of(transformer).forEach((key, parameter) -> expected.put(key, parameter.getShape()));
        StateDict.ofTensors(file.toString(), tensors).require(expected);
    }

    private static void copy(Map<String, TensorSource> tensors, Vit transformer, Path file) throws IOException {
        try {
            StateDict.ofTensors(tensors).copyTo(Weights.of(transformer));
        } catch (CheckpointFormatException e) {
            throw new CheckpointFormatException(file.toString(), e.problems());
        }
    }

    private static Preprocessing preprocessing(Preprocessing usual, Options options, int patch) {
        int side = options.pictureSide() == 0 ? 256 : options.pictureSide();
        int grid = options.pictureSide() == 0 ? 16 : options.grid();
        return side % grid == 0
                ? usual.withSides(side, side / grid, patch, patch)
                : usual.withSides(side, side, grid * patch, patch); // resized from a side that the grid does not divide
    }

    /** Returns the shape of the transformer. */
    public VitConfig config() {
        return transformer.config();
    }

    /**
     * Computes tokens of prepared pictures.
     *
     * @param standardised (N, 3, H, W), float32, as {@link Preprocessing} gives them
     * @return tokens on the manager of {@code standardised}
     */
    public EncoderTokens tokensOf(NDArray standardised) {
        return tokensOf(standardised, List.of());
    }

    EncoderTokens tokensOf(NDArray standardised, List<Integer> attended) {
        NDManager owner = standardised.getManager();
        try (GradMode off = GradMode.off();
                NDManager scratch = owner.newSubManager()) {
            NDArray x = standardised.duplicate();
            x.attach(scratch); // results belong to the manager of their first input
            EncoderTokens tokens = transformer.tokens(store, x, attended, lastBlocks);
            tokens.classToken().attach(owner);
            tokens.patchTokens().attach(owner);
            tokens.attention().values().forEach(logits -> logits.attach(owner));
            return tokens;
        }
    }

    @Override
    public EncoderTokens encode(NDArray images) {
        return encode(images, List.of());
    }

    @Override
    public EncoderTokens encode(NDArray images, List<Integer> blocks) {
        try (NDArray prepared = preprocessing.apply(images)) {
            return tokensOf(prepared, blocks);
        }
    }

    @Override
    public NativeEncoder joined(int blocks) {
        transformer.requireBlocks(blocks);
        return new NativeEncoder(manager, transformer, preprocessing, blocks);
    }

    @Override
    public Optional<AttentionSize> attention() {
        return Optional.of(transformer.attention());
    }

    @Override
    public boolean hasClassToken() {
        return config().parts().hasClassToken();
    }

    @Override
    public int width() {
        return config().width() * lastBlocks;
    }

    @Override
    public int tokens(int imageSize) {
        int grid = preprocessing.sideFor(imageSize) / config().patchSize();
        return grid * grid;
    }

    @Override
    public void close() {
        manager.close();
    }

    /**
     * An encoder as REPA's {@code --enc-type} names it, such as {@code dinov2-vit-b}, or a family alone, such as
     * {@code dinov2}, for any size.
     *
     * @param family the family
     * @param registers whether the name says that there are registers
     * @param width width that the size letter stands for; empty without one
     */
    public record EncoderName(EncoderFamily family, boolean registers, OptionalInt width) {
        private static final Pattern NAME = Pattern.compile("([a-z0-9-]+?)(?:-vit-([a-z0-9]+))?");
        private static final Map<String, EncoderFamily> FAMILIES = Map.ofEntries(
                Map.entry("dinov2", EncoderFamily.DINOV2),
                Map.entry("dinov2reg", EncoderFamily.DINOV2),
                Map.entry("dinov1", EncoderFamily.DINO),
                Map.entry("mocov3", EncoderFamily.MOCOV3),
                Map.entry("mae", EncoderFamily.MAE),
                Map.entry("clip", EncoderFamily.CLIP),
                Map.entry("jepa", EncoderFamily.IJEPA),
                Map.entry("dinov3", EncoderFamily.DINOV3),
                Map.entry("dinov3sat", EncoderFamily.DINOV3_SATELLITE),
                Map.entry("siglip2", EncoderFamily.SIGLIP2),
                Map.entry("pe-core", EncoderFamily.PE_CORE),
                Map.entry("pe-spatial", EncoderFamily.PE_SPATIAL),
                Map.entry("pe-lang", EncoderFamily.PE_SPATIAL),
                Map.entry("c-radio", EncoderFamily.C_RADIO));
        private static final Map<String, Integer> WIDTHS = Map.ofEntries(
                Map.entry("t", 192),
                Map.entry("s", 384),
                Map.entry("splus", 384),
                Map.entry("b", 768),
                Map.entry("l", 1024),
                Map.entry("so400m", 1152),
                Map.entry("h", 1280),
                Map.entry("hplus", 1280),
                Map.entry("g", 1536),
                Map.entry("7b", 4096));

        /**
         * Reads a name; capitals do not matter.
         *
         * @throws IllegalArgumentException if it is not known; says which are
         */
        public static EncoderName parse(String name) {
            Matcher parts = NAME.matcher(name.toLowerCase(Locale.ROOT));
            if (!parts.matches() || !FAMILIES.containsKey(parts.group(1))) {
                throw unknown(name);
            }
            EncoderFamily family = FAMILIES.getOrDefault(parts.group(1), EncoderFamily.DINOV2);
            boolean registers = parts.group(1).equals("dinov2reg");
            if (parts.group(2) == null) {
                return new EncoderName(family, registers, OptionalInt.empty());
            }
            Integer width = WIDTHS.get(parts.group(2));
            if (width == null) {
                throw unknown(name);
            }
            return new EncoderName(family, registers, OptionalInt.of(width));
        }

        private static IllegalArgumentException unknown(String name) {
            return new IllegalArgumentException(
                    "the encoder must be dinov2, dinov2reg, dinov1, mocov3, mae, clip, jepa, dinov3, dinov3sat, siglip2,"
                            + " pe-core, pe-spatial, pe-lang or c-radio, with or without a size such as -vit-t, -vit-s,"
                            + " -vit-splus, -vit-b, -vit-l, -vit-so400m, -vit-h, -vit-hplus, -vit-g or -vit-7b, but was "
                            + name);
        }
    }

    /**
     * Families of encoders. Of those that REPA aligns with, which tokens count and which norms come last is REPA's choice
     * ({@code utils.py}, {@code train.py}); of the others, that of their class in transformers or timm. The transformers are
     * those of the papers.
     */
    public enum EncoderFamily {
        /** DINOv2 (arXiv 2304.07193), with or without registers; tokens after the closing norm. */
        DINOV2(List.of(), Preprocessing.DINOV2, true, Activation.GELU, 1e-6),
        /** DINO (arXiv 2104.14294); tokens after the closing norm. */
        DINO(List.of("teacher"), Preprocessing.IMAGENET, true, Activation.GELU, 1e-6),
        /** MoCo v3 (arXiv 2104.02057); tokens after the closing norm. */
        MOCOV3(List.of("state_dict"), Preprocessing.IMAGENET, true, Activation.GELU, 1e-6),
        /** MAE (arXiv 2111.06377); tokens of the last block, without the closing norm. */
        MAE(List.of("model"), Preprocessing.IMAGENET, false, Activation.GELU, 1e-6),
        /** CLIP's vision tower (arXiv 2103.00020); tokens of the last block, without closing norm and projection. */
        CLIP(List.of(), Preprocessing.CLIP, false, Activation.QUICK_GELU, 1e-5),
        /** I-JEPA (arXiv 2301.08243); no class token; tokens after the closing norm. */
        IJEPA(List.of("encoder"), Preprocessing.DINOV2, true, Activation.GELU, 1e-6),
        /**
         * DINOv3 (arXiv 2508.10104), LVD-1689M; no position table but {@linkplain VitParts.Rotary#CENTRES rotation}; tokens after
         * the closing norm. Pictures by ImageNet's mean and deviation.
         */
        DINOV3(List.of(), Preprocessing.IMAGENET, true, Activation.GELU, 1e-5),
        /** DINOv3's models for satellite pictures, SAT-493M: the same, but pictures by a mean and deviation of their own. */
        DINOV3_SATELLITE(List.of(), Preprocessing.DINOV3_SATELLITE, true, Activation.GELU, 1e-5),
        /**
         * SigLIP 2's vision tower of fixed sides (arXiv 2502.14786), or SigLIP's; tokens after the closing norm; the pooling head
         * gives the class token. Pictures by (x / 255 - 0.5) / 0.5. GELU is that with tanh, as in transformers and the authors'
         * code; timm computes B and SO400M of some patches with the exact one.
         */
        SIGLIP2(List.of(), Preprocessing.SIGLIP2, true, Activation.GELU_TANH, 1e-6),
        /**
         * Perception Encoder core (arXiv 2504.13181); tokens after the closing norm; the class token is that of the tokens, of G,
         * which has none, that of the pooling head. Pictures by (x / 255 - 0.5) / 0.5.
         */
        PE_CORE(List.of("state_dict"), Preprocessing.SIGLIP2, true, Activation.GELU, 1e-5),
        /** Perception Encoder spatial and lang: the same without closing norm and without pooling head. */
        PE_SPATIAL(List.of("state_dict"), Preprocessing.SIGLIP2, false, Activation.GELU, 1e-5),
        /**
         * C-RADIO, versions 2 to 4 (arXiv 2412.07679, 2601.17237); tokens of the last block, as there is no closing norm; the
         * class token is the first of those for its teachers. Pictures by the mean and deviation of the file, else CLIP's.
         */
        C_RADIO(List.of(), Preprocessing.CLIP, false, Activation.GELU, 1e-6);

        private final List<String> sections;
        private final Preprocessing preprocessing;
        private final boolean normAfter;
        private final Activation activation;
        private final double eps;

        EncoderFamily(
                List<String> sections,
                Preprocessing preprocessing,
                boolean normAfter,
                Activation activation,
                double eps) {
            this.sections = sections;
            this.preprocessing = preprocessing;
            this.normAfter = normAfter;
            this.activation = activation;
            this.eps = eps;
        }

        /** Returns how pictures are standardised and resized. */
        public Preprocessing preprocessing() {
            return preprocessing;
        }

        /** Returns the section of a training checkpoint that holds the encoder; null if it may be the only one. */
        @Nullable
        String section() {
            return sections.isEmpty() ? null : sections.get(0);
        }

        boolean normAfter() {
            return normAfter;
        }

        Activation activation() {
            return activation;
        }

        double eps() {
            return eps;
        }

        boolean isDinov3() {
            return this == DINOV3 || this == DINOV3_SATELLITE;
        }

        boolean isPerceptionEncoder() {
            return this == PE_CORE || this == PE_SPATIAL;
        }
    }
}
