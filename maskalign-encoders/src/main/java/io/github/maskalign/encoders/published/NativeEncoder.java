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
 * or the authors' {@code .pth}.
 *
 * <p>Without a class token of its own (I-JEPA) it returns zeros for it, and {@link #hasClassToken()} says so.
 */
public final class NativeEncoder implements RepresentationEncoder {
    private final NDManager manager;
    private final Vit transformer;
    private final ParameterStore store;
    private final Preprocessing preprocessing;

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

    private NativeEncoder(NDManager manager, Vit transformer, Preprocessing preprocessing) {
        this.manager = manager;
        this.transformer = transformer;
        this.preprocessing = preprocessing;
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
            Vit transformer = new Vit(config, options.precision());
            requireFits(tensors, transformer, file); // before any memory is taken
            Shape picture = new Shape(1, 3, config.imageSize(), config.imageSize());
            transformer.initialize(manager, DataType.FLOAT32, picture);
            copy(tensors, transformer, file);
            return new NativeEncoder(manager, transformer, preprocessing(options, config.patchSize()));
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

    private static Preprocessing preprocessing(Options options, int patch) {
        Preprocessing usual = options.name().family().preprocessing();
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

    private EncoderTokens tokensOf(NDArray standardised, List<Integer> attended) {
        NDManager owner = standardised.getManager();
        try (GradMode off = GradMode.off();
                NDManager scratch = owner.newSubManager()) {
            NDArray x = standardised.duplicate();
            x.attach(scratch); // results belong to the manager of their first input
            EncoderTokens tokens = transformer.tokens(store, x, attended);
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
    public Optional<AttentionSize> attention() {
        return Optional.of(transformer.attention());
    }

    @Override
    public boolean hasClassToken() {
        return config().parts().classToken();
    }

    @Override
    public int width() {
        return config().width();
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
        private static final Pattern NAME = Pattern.compile("([a-z0-9]+)(?:-vit-([a-z]))?");
        private static final Map<String, EncoderFamily> FAMILIES = Map.of(
                "dinov2", EncoderFamily.DINOV2,
                "dinov2reg", EncoderFamily.DINOV2,
                "dinov1", EncoderFamily.DINO,
                "mocov3", EncoderFamily.MOCOV3,
                "mae", EncoderFamily.MAE,
                "clip", EncoderFamily.CLIP,
                "jepa", EncoderFamily.IJEPA);
        private static final Map<String, Integer> WIDTHS = Map.of("s", 384, "b", 768, "l", 1024, "g", 1536, "h", 1280);

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
                    "the encoder must be dinov2, dinov2reg, dinov1, mocov3, mae, clip or jepa,"
                            + " with or without a size such as -vit-s, -vit-b, -vit-l, -vit-h or -vit-g, but was "
                            + name);
        }
    }

    /**
     * Encoders that REPA aligns with. Which tokens count and which norms come last is REPA's choice ({@code utils.py},
     * {@code train.py}); the transformers are those of the papers.
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
        IJEPA(List.of("encoder"), Preprocessing.DINOV2, true, Activation.GELU, 1e-6);

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

        /**
         * Returns the attention heads of the published models of a width: 64 numbers each, but 32 in MoCo v3's small model and
         * 80 in I-JEPA's.
         */
        int headsFor(int width) {
            if (this == MOCOV3 && width == 384) {
                return 12;
            }
            return this == IJEPA && width == 1280 ? 16 : Math.max(1, width / 64);
        }
    }
}
