package io.github.maskalign.sit.weights.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.align.TokenMixer.MixerConfig.Bottleneck;
import io.github.maskalign.core.align.TokenMixer.MixerConfig.Conditioning;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.sit.LossTerms;
import io.github.maskalign.sit.LossTerms.Features;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig.ProjectorKind;
import io.github.maskalign.sit.SiTVariant;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * The model that tensors describe. Shapes show everything but the number of heads, the alignment depth and whether the
 * label table has a row for "no class"; these come from the options, the metadata, or the published sizes.
 */
public final class Geometry {
    private static final double PUBLISHED_DROPOUT = 0.1;

    /** Two hundred times the largest published table: the formula's is computed to compare them. */
    private static final long MOST_POSITIONS = 1 << 26;

    private final String origin;
    private final StateDict tensors;
    private final Map<String, Shape> shapes;
    private final Optional<SiTConfig> stored;
    private Optional<SiTConfig> told = Optional.empty();
    private final ImportOptions options;

    private Geometry(String origin, StateDict tensors, Optional<SiTConfig> stored, ImportOptions options) {
        this.origin = origin;
        this.tensors = tensors;
        this.shapes = tensors.shapes();
        this.stored = stored;
        this.options = options;
    }

    /**
     * Returns the configuration of a model with these tensors.
     *
     * @param told what the metadata says
     * @throws CheckpointFormatException if a tensor that shows a size is missing or of another rank, or if something
     *     has to be given
     */
    public static SiTConfig of(String origin, StateDict tensors, Optional<SiTConfig> told, ImportOptions options)
            throws CheckpointFormatException {
        Geometry geometry = new Geometry(origin, tensors, told, options);
        try {
            return geometry.config();
        } catch (IllegalArgumentException | ArithmeticException e) { // sizes that no model has
            throw geometry.problem(String.valueOf(e.getMessage()));
        }
    }

    private SiTConfig config() throws CheckpointFormatException {
        boolean skips = has(Keys.IN_BLOCKS + "0.attn.qkv.weight"); // MDTv2
        String first = skips ? Keys.IN_BLOCKS + "0." : "blocks.0.";
        require(Keys.PATCH_WEIGHT, Keys.POSITIONS, Keys.LABELS, first + "mlp.fc1.weight");
        Shape embed = shape(Keys.PATCH_WEIGHT, 4);
        int width = size(embed.get(0));
        int patch = size(embed.get(2));
        int classToken = classTokenWidth();
        int grid = grid(width, classToken > 0 ? 1 : 0);
        int decoder = count(Keys.DE_BLOCKS);
        int depth = skips ? 2 * count(Keys.IN_BLOCKS) + decoder : count(Keys.BLOCKS);
        told = stored.filter(
                config -> config.model().depth() == depth && config.model().hiddenSize() == width);
        int labels = size(shape(Keys.LABELS, 2).get(0));
        double dropout = told.map(config -> config.model().classDropoutProb()).orElse(PUBLISHED_DROPOUT);
        int heads = skips ? size(shape(first + Keys.BIASES, 2).get(1)) : heads(width, depth);
        SiTConfig config = SiTConfig.of(
                        Math.multiplyExact(grid, patch),
                        patch,
                        size(embed.get(1)),
                        width,
                        depth,
                        heads,
                        dropout > 0 ? labels - 1 : labels)
                .withOptions(ratio(first + "mlp.fc1.weight", width), dropout, has("blocks.0.attn.q_norm.weight"), false)
                .withClassToken(classToken)
                .withMixer(mixer(width));
        config = config.withAlignment(alignDepth(depth), projectorDim(), encoderWidths());
        config = config.withAlignment(projectors(config.align(), depth));
        int channels = config.model().inChannels();
        Optional<Features> features = told.filter(c -> c.model().inChannels() == channels)
                .flatMap(c -> c.terms().features());
        if (features.isPresent()) { // which no tensor shows
            config = config.withTerms(LossTerms.NONE.withFeatures(features.get()));
        }
        if (skips) {
            return config.withSubset(config.subset().withSparse(decoder, 0))
                    .withPlacement(SubsetPlacement.MASKED_PASS, 0, 0);
        }
        return has(Keys.MASK_TOKEN) ? withMaskToken(config) : config;
    }

    /** No tensor shows how many blocks are dense: the metadata does, or it is as published. */
    private SiTConfig withMaskToken(SiTConfig config) throws CheckpointFormatException {
        if (has(Keys.DECODER_WEIGHT)) {
            int width = size(shape(Keys.DECODER_WEIGHT, 2).get(0));
            SubsetConfig.Decoder published = new SubsetConfig.Decoder(8, 512, 16);
            SubsetConfig.Decoder known = told.flatMap(c -> c.subset().decoder()).orElse(published);
            if (known.width() != width) {
                throw problem("has a decoder of width " + width + ", and no metadata that says how many heads it has");
            }
            int layers = count(Keys.DECODER_BLOCKS);
            return config.withSubset(config.subset()
                    .withRatio(SubsetConfig.defaults().dropping().ratio())
                    .withDecoder(layers, width, known.heads()));
        }
        if (!has(Keys.SPARSE_WEIGHT)) {
            return config.withPlacement(SubsetPlacement.DROP_REINSERT, 0, 0);
        }
        SubsetConfig known = told.map(SiTConfig::subset).orElse(SubsetConfig.defaults());
        return config.withSparse(known.sparse().dense(), known.sparse().pathDrop());
    }

    private int grid(int width, int extraRows) throws CheckpointFormatException {
        Shape positions = shape(Keys.POSITIONS, 3);
        long tokens = positions.get(1) - extraRows;
        long grid = (long) Math.sqrt(tokens);
        if (positions.get(0) != 1 || positions.get(2) != width || grid * grid != tokens || tokens < 1) {
            throw problem(Keys.POSITIONS + " must have shape (1, " + (extraRows > 0 ? "1 + " : "") + "G², " + width
                    + ") but has " + positions);
        }
        if (positions.get(1) > MOST_POSITIONS / Math.max(1, width)) {
            throw problem(
                    Keys.POSITIONS + " must have at most " + MOST_POSITIONS + " values but has shape " + positions);
        }
        return size(grid);
    }

    /** The number of blocks, which may have gaps: those are reported as missing keys. */
    private int count(String prefix) throws CheckpointFormatException {
        OptionalInt largest = KeyNames.largestNumber(tensors, prefix);
        if (largest.isPresent() && largest.getAsInt() >= tensors.size()) { // would make a huge model of a small file
            throw problem("has " + prefix + largest.getAsInt() + " but only " + tensors.size() + " tensors");
        }
        return largest.isPresent() ? largest.getAsInt() + 1 : 0;
    }

    private int heads(int width, int depth) throws CheckpointFormatException {
        if (options.numHeads() > 0) {
            if (told.isPresent() && told.get().model().numHeads() != options.numHeads()) {
                throw problem("has " + told.get().model().numHeads() + " attention heads, as its metadata says, but "
                        + options.numHeads() + " were asked for");
            }
            return options.numHeads();
        }
        if (told.isPresent()) {
            return told.get().model().numHeads();
        }
        if (has("blocks.0.attn.q_norm.weight")) {
            int head = size(shape("blocks.0.attn.q_norm.weight", 1).get(0));
            return head > 0 ? width / head : 0;
        }
        return Arrays.stream(SiTVariant.values())
                .filter(v -> v.depth() == depth && v.hiddenSize() == width)
                .findFirst()
                .map(SiTVariant::numHeads)
                .orElseThrow(
                        () -> problem("does not show its number of attention heads, and no published size has depth "
                                + depth + " and width " + width + ": the heads must be given"));
    }

    private int alignDepth(int depth) {
        if (options.alignDepth() > 0) {
            return options.alignDepth();
        }
        return told.map(config -> config.align().depth()).orElse(Math.min(depth, depth > 12 ? 8 : 4));
    }

    /** What the projectors are, and where, if the metadata says that they differ in it. */
    private AlignConfig projectors(AlignConfig align, int depth) throws CheckpointFormatException {
        List<Integer> depths = told.map(config -> config.align().depths()).orElse(List.of());
        boolean fit = depths.size() == count(Keys.PROJECTORS)
                && options.alignDepth() == 0
                && depths.stream().allMatch(place -> place >= 1 && place <= depth);
        AlignConfig placed = fit ? align.withDepths(depths) : align;
        return isConvolution(0)
                ? placed.withProjector(
                        ProjectorKind.CONV, size(shape(weight(0), 4).get(2)))
                : placed;
    }

    private static String weight(int projector) {
        return Keys.PROJECTORS + projector + ".weight";
    }

    private boolean isConvolution(int projector) {
        return has(weight(projector));
    }

    private List<Integer> encoderWidths() throws CheckpointFormatException {
        List<Integer> widths = new ArrayList<>();
        int projectors = count(Keys.PROJECTORS);
        for (int k = 0; k < projectors; k++) {
            widths.add(size(
                    (isConvolution(k) ? shape(weight(k), 4) : shape(Keys.PROJECTORS + k + ".4.weight", 2)).get(0)));
        }
        return widths;
    }

    private int projectorDim() throws CheckpointFormatException {
        if (count(Keys.PROJECTORS) == 0 || isConvolution(0)) {
            return told.map(config -> config.align().projectorDim()).orElse(2048);
        }
        return size(shape(Keys.PROJECTORS + "0.0.weight", 2).get(0));
    }

    private int classTokenWidth() throws CheckpointFormatException {
        if (has(Keys.CLASS_WEIGHT)) {
            return size(shape(Keys.CLASS_WEIGHT, 2).get(1));
        }
        return has(Keys.CLASS_HEAD_WEIGHT)
                ? size(shape(Keys.CLASS_HEAD_WEIGHT, 2).get(0))
                : 0;
    }

    private MixerConfig mixer(int width) throws CheckpointFormatException {
        int layers = count(Keys.MIXER);
        if (layers == 0) {
            return MixerConfig.NONE;
        }
        String fc1 = Keys.MIXER + "0.mlp.fc1.weight";
        int own = size(shape(fc1, 2).get(1));
        Optional<MixerConfig> toldMixer = told.map(SiTConfig::mixer).filter(mixer -> mixer.layers() > 0);
        if (own != width && toldMixer.isEmpty()) {
            throw problem("has a mixer of width " + own + " in a model of width " + width
                    + ", and no metadata that says how many heads it has");
        }
        boolean conditioned = has(Keys.MIXER + "0.adaLN_modulation.1.weight");
        boolean normalised = has(Keys.MIXER + "down.1.weight");
        return new MixerConfig(
                layers,
                own == width ? 0 : own,
                toldMixer.map(MixerConfig::heads).orElse(0),
                ratio(fc1, own),
                conditioned
                        ? toldMixer
                                .map(MixerConfig::conditioning)
                                .filter(c -> c != Conditioning.NONE)
                                .orElse(Conditioning.ADALN_ZERO)
                        : Conditioning.NONE,
                normalised ? Bottleneck.NORMALISED : Bottleneck.RESIDUAL);
    }

    /** The ratio that gives back exactly the rows of an MLP's first layer. */
    private double ratio(String fc1, int width) throws CheckpointFormatException {
        int hidden = size(shape(fc1, 2).get(0));
        double ratio = (double) hidden / width;
        return (long) (width * ratio) == hidden ? ratio : Math.nextUp(ratio);
    }

    private void require(String... keys) throws CheckpointFormatException {
        List<String> missing = Arrays.stream(keys)
                .filter(key -> !has(key))
                .map(key -> key + " is missing")
                .toList();
        if (!missing.isEmpty()) {
            throw new CheckpointFormatException(origin, missing);
        }
    }

    private Shape shape(String key, int rank) throws CheckpointFormatException {
        @Nullable Shape shape = shapes.get(key);
        if (shape == null) {
            throw problem(key + " is missing");
        }
        if (shape.dimension() != rank) {
            throw problem(key + " must have " + rank + " dimensions but has shape " + shape);
        }
        return shape;
    }

    private int size(long value) throws CheckpointFormatException {
        if (value > Integer.MAX_VALUE) {
            throw problem("has a dimension of " + value);
        }
        return (int) value;
    }

    private boolean has(String key) {
        return shapes.containsKey(key);
    }

    private CheckpointFormatException problem(String text) {
        return new CheckpointFormatException(origin, List.of(text));
    }
}
