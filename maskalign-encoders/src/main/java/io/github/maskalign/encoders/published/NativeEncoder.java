package io.github.maskalign.encoders.published;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
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
import io.github.maskalign.core.nn.ParameterKeys;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.encoders.vit.Vit;
import io.github.maskalign.encoders.vit.VitConfig;
import io.github.maskalign.encoders.vit.VitParts;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

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
        /** @throws IllegalArgumentException if the picture's side is not a multiple of the grid */
        public Options {
            if (heads < 0 || pictureSide < 0 || (pictureSide > 0 && (grid < 1 || pictureSide % grid != 0))) {
                throw new IllegalArgumentException(
                        "heads must be at least 0 and pictureSide a multiple of grid but were " + heads + ", "
                                + pictureSide + " and " + grid);
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
        return usual.withSides(side, side / grid, patch, patch);
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
        NDManager owner = standardised.getManager();
        try (GradMode off = GradMode.off();
                NDManager scratch = owner.newSubManager()) {
            NDArray x = standardised.duplicate();
            x.attach(scratch); // results belong to the manager of their first input
            NDList out = transformer.forward(store, new NDList(x), false);
            NDArray patches = out.get(out.size() - 1);
            NDArray classToken = out.size() == 2
                    ? out.get(0)
                    : owner.zeros(new Shape(
                            patches.getShape().get(0), patches.getShape().get(2)));
            classToken.attach(owner);
            patches.attach(owner);
            return new EncoderTokens(classToken, patches);
        }
    }

    @Override
    public EncoderTokens encode(NDArray images) {
        NDArray prepared = preprocessing.apply(images);
        try (prepared) {
            return tokensOf(prepared);
        }
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
}
