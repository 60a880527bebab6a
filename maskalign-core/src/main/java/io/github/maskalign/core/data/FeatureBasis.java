package io.github.maskalign.core.data;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.script.ScriptFunction;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The few channels in which a model generates an encoder's tokens beside the latents: of tokens that are standardised by
 * channel the principal components, as in ReDi, or what a frozen network of convolutions makes of them, as in REGLUE.
 *
 * <pre>y = P ((x − mean) / std),  P (C, Z) of orthonormal rows, those of the largest variance first
 * y = Conv(ReLU(h + f(h))), h = Conv((x − mean) / std),  f of two convolutions with norms, on the grid of the tokens</pre>
 *
 * <p>In a file it is safetensors with {@code mean} (Z), {@code std} (Z) and {@code components} (C, Z), float32, or in place of the
 * components REGLUE's compressor under its keys, {@code encoder.model.0.weight} (H, Z, 3, 3) to {@code encoder.model.2.bias} (C).
 * Source: ReDi's {@code calc_pca.py} (arXiv 2504.16064), which standardises by the population's deviation and does not whiten;
 * REGLUE's {@code compressor.py} (arXiv 2512.16636).
 *
 * <p>Immutable.
 */
public final class FeatureBasis {
    /** The file's name in a prepared set. */
    public static final String FILE = "features.safetensors";

    /** The setting of a prepared set that holds the basis's {@link #identity}. */
    public static final String SETTING = "feature_basis";

    private static final int MOST_WIDTH = 1 << 13; // eigenvectors of a matrix of this side
    private static final ScriptFunction ALONG = ScriptFunction.of(FeatureBasis.class, "features.py", "along");
    private static final ScriptFunction EIGEN = ScriptFunction.of(FeatureBasis.class, "features.py", "eigen");
    private static final ScriptFunction PLANES = ScriptFunction.of(FeatureBasis.class, "features.py", "planes");

    private final float[] mean;
    private final float[] std;
    private final float[] components; // (C, Z); of none with a compressor
    private final @Nullable TokenCompressor compressor;
    private final Map<String, String> facts;

    /**
     * Creates a basis; the arrays are copied.
     *
     * @param mean of each channel of the tokens (Z)
     * @param std deviation of each, above 0 (Z)
     * @param components (C, Z), row-major
     * @param facts what it was made from, by name
     * @throws IllegalArgumentException if sizes do not fit or a number is not finite
     */
    public FeatureBasis(float[] mean, float[] std, float[] components, Map<String, String> facts) {
        this(mean, std, components, null, facts);
        if (mean.length == 0
                || std.length != mean.length
                || components.length == 0
                || components.length % mean.length != 0
                || components.length / mean.length > mean.length) {
            throw new IllegalArgumentException(
                    "a basis needs equally many means and deviations, and at most as many components of that length, but"
                            + " has " + mean.length + " means, " + std.length + " deviations and " + components.length
                            + " numbers of components");
        }
    }

    private FeatureBasis(
            float[] mean,
            float[] std,
            float[] components,
            @Nullable TokenCompressor compressor,
            Map<String, String> facts) {
        if (compressor != null && (mean.length != compressor.width() || std.length != mean.length)) {
            throw new IllegalArgumentException("a compressor of tokens of width " + compressor.width()
                    + " needs as many means and deviations but has " + mean.length + " and " + std.length);
        }
        for (float[] numbers : List.of(mean, std, components)) {
            for (float x : numbers) {
                if (!Float.isFinite(x) || (numbers == std && x <= 0)) {
                    throw new IllegalArgumentException(
                            "a basis needs finite numbers and deviations above 0 but has " + x);
                }
            }
        }
        this.mean = mean.clone();
        this.std = std.clone();
        this.components = components.clone();
        this.compressor = compressor;
        this.facts = Map.copyOf(facts);
    }

    /** Returns the width Z of the tokens. */
    public int width() {
        return mean.length;
    }

    /** Returns the number C of channels. */
    public int channels() {
        return compressor == null ? components.length / mean.length : compressor.channels();
    }

    /** Returns what the basis was made from, by name. */
    public Map<String, String> facts() {
        return facts;
    }

    /** Returns a hash of all numbers, as 64 hexadecimal digits. */
    public String identity() {
        int plain = Float.BYTES * (2 * mean.length + components.length);
        ByteBuffer bytes = ByteBuffer.allocate(plain + (compressor == null ? 0 : compressor.bytes()));
        bytes.asFloatBuffer().put(mean).put(std).put(components);
        if (compressor != null) {
            compressor.putInto(bytes.position(plain));
        }
        return Digests.sha256(bytes.array());
    }

    /** Returns the first channels alone; refuses more than there are, and some of a compressor's, which go together. */
    public FeatureBasis first(int channels) {
        if (compressor != null) {
            if (channels != channels()) {
                throw new IllegalArgumentException("the compressor makes " + channels()
                        + " channels, all of which are needed, but " + channels + " were asked for");
            }
            return this;
        }
        if (channels < 1 || channels > channels()) {
            throw new IllegalArgumentException(
                    "the basis has " + channels() + " channels but " + channels + " were asked for");
        }
        return new FeatureBasis(mean, std, Arrays.copyOf(components, channels * mean.length), facts);
    }

    /** Returns the same basis with further facts. */
    public FeatureBasis with(Map<String, String> more) {
        Map<String, String> all = new TreeMap<>(facts);
        all.putAll(more);
        return new FeatureBasis(mean, std, components, compressor, all);
    }

    /**
     * Returns tokens in the basis.
     *
     * @param tokens tokens (N, T, Z)
     * @return tokens (N, T, C), float32, on the same manager
     */
    public NDArray reduce(NDArray tokens) {
        try (NDManager scratch = tokens.getManager().newSubManager()) {
            return on(scratch).apply(tokens); // which belongs to the manager of the tokens
        }
    }

    /**
     * Returns {@link #reduce} for many calls: its arrays are made once.
     *
     * @param owner owner of these arrays, on whose device tokens must be
     */
    public UnaryOperator<NDArray> on(NDManager owner) {
        NDArray m = OwnedArrays.of(owner, new Shape(mean.length), mean);
        NDArray s = OwnedArrays.of(owner, new Shape(mean.length), std);
        if (compressor != null) {
            TokenCompressor.Placed network = compressor.on(owner);
            return tokens -> network.compress(tokens, m, s, grid(checked(tokens)));
        }
        NDArray p = OwnedArrays.of(owner, new Shape(channels(), mean.length), components);
        return tokens -> ALONG.callForOne(checked(tokens), m, s, p);
    }

    private NDArray checked(NDArray tokens) {
        Shape shape = tokens.getShape();
        if (shape.dimension() != 3 || shape.get(2) != mean.length) {
            throw new IllegalArgumentException(
                    "the basis takes tokens (N, T, " + mean.length + ") but was given " + shape);
        }
        return tokens;
    }

    /**
     * Returns tokens of a square grid as planes of another size, bilinear.
     *
     * @param tokens tokens (N, G², C), row-major
     * @param side side of the planes
     * @return planes (N, C, side, side), on the same manager
     */
    public static NDArray planes(NDArray tokens, int side) {
        return PLANES.callForOne(tokens, grid(tokens), side);
    }

    private static int grid(NDArray tokens) {
        Shape shape = tokens.getShape();
        int grid = shape.dimension() == 3 ? (int) Math.round(Math.sqrt(shape.get(1))) : 0;
        if (grid == 0 || (long) grid * grid != shape.get(1)) {
            throw new IllegalArgumentException("tokens must be (N, G², C) but were " + shape);
        }
        return grid;
    }

    /** Writes or replaces a file. */
    public void write(Path file) throws IOException {
        Shape width = new Shape(mean.length);
        Map<String, TensorSource> tensors = new TreeMap<>();
        tensors.put("mean", TensorSource.of(width, mean));
        tensors.put("std", TensorSource.of(width, std));
        if (compressor == null) {
            tensors.put("components", TensorSource.of(new Shape(channels(), mean.length), components));
        } else {
            tensors.putAll(compressor.tensors());
        }
        SafetensorsWriter.write(file, StateDict.ofTensors(tensors), facts);
    }

    /**
     * Reads a file.
     *
     * @throws CheckpointFormatException if it holds something else; names the tensor
     */
    public static FeatureBasis read(Path file) throws IOException {
        try (WeightsFile opened = WeightsFile.open(file)) {
            StateDict tensors = opened.stateDict();
            if (TokenCompressor.isIn(tensors)) {
                return new FeatureBasis(
                        tensors.get("mean").floats(),
                        tensors.get("std").floats(),
                        new float[0],
                        TokenCompressor.read(file, tensors),
                        opened.metadata());
            }
            if (!tensors.keys().equals(Set.of("mean", "std", "components"))) {
                throw new CheckpointFormatException(
                        file, "it must hold mean, std and components but holds " + tensors.keys());
            }
            Shape components = tensors.get("components").shape();
            Shape width = tensors.get("mean").shape();
            if (components.dimension() != 2
                    || width.dimension() != 1
                    || width.get(0) > MOST_WIDTH
                    || components.get(1) != width.get(0)
                    || components.get(0) > width.get(0)
                    || !tensors.get("std").shape().equals(width)) {
                throw new CheckpointFormatException(
                        file,
                        "it must hold mean (Z), std (Z) and components (C, Z) but they are " + width + ", "
                                + tensors.get("std").shape() + " and " + components);
            }
            return new FeatureBasis(
                    tensors.get("mean").floats(),
                    tensors.get("std").floats(),
                    tensors.get("components").floats(),
                    opened.metadata());
        } catch (IllegalArgumentException e) {
            throw new CheckpointFormatException(file, String.valueOf(e.getMessage()), e);
        }
    }

    /** Sums of tokens from which a basis is made, in float64. Belongs to one thread. */
    public static final class Fit {
        private final int width;
        private final double[] sum;
        private final double[] products; // (Z, Z)
        private long count;

        /** Starts without any token. */
        public Fit(int width) {
            if (width < 1 || width > MOST_WIDTH) {
                throw new IllegalArgumentException("width must be in [1, " + MOST_WIDTH + "] but was " + width);
            }
            this.width = width;
            sum = new double[width];
            products = new double[width * width];
        }

        /** Returns the number of tokens. */
        public long count() {
            return count;
        }

        /** Adds tokens (N, T, Z). */
        public void add(NDArray tokens) {
            try (GradMode values = GradMode.off();
                    NDManager scratch = tokens.getManager().newSubManager()) {
                NDArray x = tokens.toType(DataType.FLOAT64, true).reshape(-1, width);
                x.attach(scratch);
                NDArray all = x.sum(new int[] {0});
                all.attach(scratch);
                NDArray squares = x.transpose().matMul(x);
                squares.attach(scratch);
                add(sum, all.toDoubleArray());
                add(products, squares.toDoubleArray());
                count += x.getShape().get(0);
            }
        }

        private static void add(double[] to, double[] more) {
            for (int i = 0; i < to.length; i++) {
                to[i] += more[i];
            }
        }

        /**
         * Returns the basis of all tokens. The sign of a component is such that its largest number is positive; a channel that
         * is the same everywhere counts with deviation 1.
         *
         * @param channels C, in [1, Z]
         * @param facts what the tokens are, by name; the number of tokens and the share of the variance that the components
         *     keep are added
         * @throws IllegalArgumentException if C is out of range, there are fewer than two tokens, or one is not finite
         */
        public FeatureBasis basis(int channels, Map<String, String> facts) {
            if (channels < 1 || channels > width) {
                throw new IllegalArgumentException("the basis must have 1 to " + width
                        + " channels, as many as the tokens, but " + channels + " were asked for");
            }
            if (count < 2) {
                throw new IllegalArgumentException("a basis needs at least two tokens but there were " + count);
            }
            float[] mean = new float[width];
            float[] std = new float[width];
            double[] deviation = new double[width];
            for (int i = 0; i < width; i++) {
                double average = sum[i] / count;
                double variance = products[i * width + i] / count - average * average;
                if (!Double.isFinite(variance)) {
                    throw new IllegalArgumentException("channel " + i + " of the tokens is not finite");
                }
                deviation[i] = variance > 1e-12 * Math.max(1, average * average) ? Math.sqrt(variance) : 1;
                mean[i] = (float) average;
                std[i] = (float) deviation[i];
            }
            double[] correlation = new double[width * width];
            double trace = 0;
            for (int i = 0; i < width; i++) {
                for (int j = 0; j < width; j++) {
                    double covariance = products[i * width + j] / count - sum[i] / count * (sum[j] / count);
                    correlation[i * width + j] = covariance / deviation[i] / deviation[j];
                }
                trace += correlation[i * width + i];
            }
            float[] components = new float[channels * width];
            double kept = principal(correlation, channels, components);
            Map<String, String> all = new TreeMap<>(facts);
            all.put("tokens", Long.toString(count));
            all.put("variance_kept", String.format(Locale.ROOT, "%.4f", kept / trace));
            return new FeatureBasis(mean, std, components, all);
        }

        /** Writes the eigenvectors of the largest eigenvalues, and returns the sum of these. */
        private double principal(double[] correlation, int channels, float[] components) {
            double[] values;
            double[] vectors; // (Z, Z), one in each column, that of the smallest value first
            try (GradMode constants = GradMode.off();
                    NDManager scratch = NDManager.newBaseManager(Device.cpu())) {
                NDList eigen = EIGEN.call(OwnedArrays.create(
                        scratch,
                        new Shape(width, width),
                        DataType.FLOAT64,
                        memory -> memory.asDoubleBuffer().put(correlation)));
                values = eigen.get(0).toDoubleArray();
                vectors = eigen.get(1).toDoubleArray();
            } catch (IOException e) { // filling from memory reads no file
                throw new UncheckedIOException(e);
            }
            double kept = 0;
            for (int c = 0; c < channels; c++) {
                int column = width - 1 - c;
                kept += values[column];
                double largest = 0;
                for (int i = 0; i < width; i++) {
                    double x = vectors[i * width + column];
                    largest = Math.abs(x) > Math.abs(largest) ? x : largest;
                }
                for (int i = 0; i < width; i++) {
                    components[c * width + i] = (float) (Math.signum(largest) * vectors[i * width + column]);
                }
            }
            return kept;
        }
    }
}
