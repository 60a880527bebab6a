package io.github.maskalign.core.evaluate;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.evaluate.Evaluation.Reference;
import io.github.maskalign.core.evaluate.internal.FeatureMatrix;
import io.github.maskalign.core.evaluate.internal.FeatureStatistics;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.NpzFile;
import io.github.maskalign.core.files.NpzWriter;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Statistics of a reference set in a file.
 *
 * <p>Tensors: {@code mu} (D) and {@code sigma} (D, D), {@code mu_s} (S) and {@code sigma_s} (S, S) of the spatial
 * features, and {@code features} (n, D), float32, for precision, recall and KID. The names of the first four are those of
 * ADM's reference files; a pair may be missing. A safetensors file also says whose features they are and how many
 * pictures there were; an {@code .npz} file has no place for that, and is what other programs read.
 */
public final class ReferenceFile {
    private static final String FEATURES = "features";
    private static final String IDENTITY = "feature_space";
    private static final String PICTURES = "pictures";
    private static final String RESOLUTION = "resolution";
    private static final int READ_ROWS = 500;

    private ReferenceFile() {}

    /** Returns whether these are the names of a file of statistics. */
    public static boolean hasStatistics(Iterable<String> names) {
        for (String name : names) {
            if (name.equals("mu")) {
                return true;
            }
        }
        return false;
    }

    /**
     * Reads a file of statistics; its kind goes by its name, {@code .npz} or anything else for safetensors.
     *
     * @param owner where the features are kept, if there are any
     * @throws CheckpointFormatException if it is damaged, has no statistics, or these are none: not finite, not
     *     symmetric, of sizes that do not fit
     */
    public static Reference read(NDManager owner, Path file) throws IOException {
        if (isNpz(file)) {
            try (NpzFile npz = NpzFile.open(file)) {
                return read(owner, file, npz.stateDict(), Map.of());
            }
        }
        try (SafetensorsFile safetensors = SafetensorsFile.open(file)) {
            return read(owner, file, safetensors.stateDict(), safetensors.metadata());
        }
    }

    /** Returns whether a file is taken for {@code .npz}. */
    public static boolean isNpz(Path file) {
        return file.toString().endsWith(".npz");
    }

    /**
     * Writes statistics, complete or not at all.
     *
     * @param file named {@code .npz}, or anything else for safetensors
     * @param about texts that go with it, such as where the pictures came from; not into {@code .npz}
     * @throws IllegalArgumentException if the reference has no statistics
     */
    public static void write(Path file, Reference reference, Map<String, String> about) throws IOException {
        Map<String, TensorSource> tensors = new LinkedHashMap<>();
        put(tensors, "", reference.pooled());
        put(tensors, "_s", reference.spatial());
        if (tensors.isEmpty()) {
            throw new IllegalArgumentException("a reference without statistics cannot be written to " + file);
        }
        if (isNpz(file)) {
            NpzWriter.write(file, tensors);
            return;
        }
        if (reference.rows() != null) {
            tensors.put(FEATURES, new MatrixTensor(reference.rows()));
        }
        Map<String, String> texts = new LinkedHashMap<>(about);
        texts.put(IDENTITY, reference.identity());
        texts.put(PICTURES, Long.toString(reference.pictures()));
        texts.put(RESOLUTION, reference.resolution());
        SafetensorsWriter.write(file, StateDict.ofTensors(tensors), texts);
    }

    private static Reference read(NDManager owner, Path file, StateDict tensors, Map<String, String> texts)
            throws IOException {
        long pictures = pictures(file, texts);
        FeatureStatistics pooled = statistics(file, tensors, "", pictures);
        FeatureStatistics spatial = statistics(file, tensors, "_s", pictures);
        if (pooled == null && spatial == null) {
            throw new CheckpointFormatException(
                    file,
                    "holds no statistics: there is no mu and sigma, nor mu_s and sigma_s, among " + tensors.keys());
        }
        FeatureMatrix rows = tensors.keys().contains(FEATURES) ? rows(owner, file, tensors.get(FEATURES)) : null;
        if (rows != null && pooled != null && rows.width() != pooled.width()) {
            rows.close();
            throw new CheckpointFormatException(
                    file, "features have " + rows.width() + " columns but mu has " + pooled.width());
        }
        return new Reference(
                texts.getOrDefault(IDENTITY, ""), pictures, texts.getOrDefault(RESOLUTION, ""), pooled, spatial, rows);
    }

    private static long pictures(Path file, Map<String, String> texts) throws CheckpointFormatException {
        String text = texts.getOrDefault(PICTURES, "0");
        if (!text.matches("[0-9]{1,15}")) {
            throw new CheckpointFormatException(file, PICTURES + " must be a number of pictures but is '" + text + "'");
        }
        return Long.parseLong(text);
    }

    private static @Nullable FeatureStatistics statistics(Path file, StateDict tensors, String ending, long pictures)
            throws IOException {
        String mu = "mu" + ending;
        String sigma = "sigma" + ending;
        if (!tensors.keys().contains(mu) && !tensors.keys().contains(sigma)) {
            return null;
        }
        for (String key : List.of(mu, sigma)) {
            if (!tensors.keys().contains(key)) {
                throw new CheckpointFormatException(
                        file, "there is no \"" + key + "\" beside its " + (key.equals(mu) ? sigma : mu));
            }
        }
        TensorSource mean = tensors.get(mu);
        TensorSource covariance = tensors.get(sigma);
        List<String> problems = new ArrayList<>();
        for (TensorSource tensor : List.of(mean, covariance)) {
            if (!tensor.type().isFloat()) {
                problems.add(tensor.origin() + " must be floating-point numbers but is " + tensor.type());
            }
        }
        Shape shape = mean.shape();
        if (shape.dimension() != 1 || shape.get(0) < 1) {
            problems.add(mu + " must have shape (D) but has " + shape);
        } else if (!covariance.shape().equals(new Shape(shape.get(0), shape.get(0)))) {
            problems.add(sigma + " must have shape (" + shape.get(0) + ", " + shape.get(0) + ") but has "
                    + covariance.shape());
        }
        if (!problems.isEmpty()) {
            throw new CheckpointFormatException(file.toString(), problems);
        }
        try {
            return FeatureStatistics.of(pictures, DoubleTensor.read(mean), DoubleTensor.read(covariance));
        } catch (IllegalArgumentException e) {
            throw new CheckpointFormatException(file, mu + " and " + sigma + ": " + e.getMessage(), e);
        }
    }

    private static FeatureMatrix rows(NDManager owner, Path file, TensorSource tensor) throws IOException {
        Shape shape = tensor.shape();
        if (tensor.type() != TensorType.F32 || shape.dimension() != 2 || shape.size() == 0) {
            throw new CheckpointFormatException(
                    file, FEATURES + " must be F32 of shape (n, D) but is " + tensor.type() + " of " + shape);
        }
        int width = Math.toIntExact(shape.get(1));
        FeatureMatrix rows = new FeatureMatrix(owner, width);
        float[] some = new float[Math.multiplyExact(READ_ROWS, width)];
        int[] filled = {0};
        try {
            tensor.sendTo(chunk -> {
                FloatBuffer numbers = chunk.order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
                while (numbers.hasRemaining()) {
                    int n = Math.min(numbers.remaining(), some.length - filled[0]);
                    numbers.get(some, filled[0], n);
                    filled[0] += n;
                    if (filled[0] == some.length) {
                        flush(owner, rows, some, READ_ROWS);
                        filled[0] = 0;
                    }
                }
            });
            flush(owner, rows, some, filled[0] / width);
            return rows;
        } catch (IllegalArgumentException e) {
            rows.close();
            throw new CheckpointFormatException(file, FEATURES + ": " + e.getMessage(), e);
        } catch (IOException | RuntimeException e) {
            rows.close();
            throw e;
        }
    }

    private static void flush(NDManager owner, FeatureMatrix rows, float[] values, int count) {
        if (count > 0) {
            float[] exact =
                    values.length == count * rows.width() ? values : Arrays.copyOf(values, count * rows.width());
            try (NDArray array = OwnedArrays.of(owner, new Shape(count, rows.width()), exact)) {
                rows.add(array);
            }
        }
    }

    private static void put(Map<String, TensorSource> tensors, String ending, @Nullable FeatureStatistics statistics) {
        if (statistics != null) {
            int width = statistics.width();
            tensors.put("mu" + ending, DoubleTensor.of(statistics.mean(), width));
            tensors.put("sigma" + ending, DoubleTensor.of(statistics.covariance(), width, width));
        }
    }

    /** Rows as one tensor, sent block by block. */
    private record MatrixTensor(FeatureMatrix rows) implements TensorSource {
        @Override
        public TensorType type() {
            return TensorType.F32;
        }

        @Override
        public Shape shape() {
            return new Shape(rows.size(), rows.width());
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            for (int b = 0; b < rows.blocks(); b++) {
                float[] values = rows.values(b);
                ByteBuffer chunk =
                        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
                chunk.asFloatBuffer().put(values);
                sink.accept(chunk);
            }
        }
    }

    /** A float64 tensor in a Java array, and reading one without losing digits. */
    record DoubleTensor(Shape shape, DoubleBuffer values) implements TensorSource {
        private static final int CHUNK_ELEMENTS = 1 << 16;

        static DoubleTensor of(double[] values, long... shape) {
            return new DoubleTensor(new Shape(shape), DoubleBuffer.wrap(values));
        }

        @Override
        public TensorType type() {
            return TensorType.F64;
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            int total = values.remaining();
            ByteBuffer chunk = ByteBuffer.allocate(Math.min(total, CHUNK_ELEMENTS) * Double.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN);
            for (int from = 0; from < total; from += CHUNK_ELEMENTS) {
                int count = Math.min(CHUNK_ELEMENTS, total - from);
                chunk.clear().limit(count * Double.BYTES);
                chunk.asDoubleBuffer().put(values.slice(from, count));
                sink.accept(chunk);
            }
        }

        /** Returns the numbers of a floating-point tensor. */
        static double[] read(TensorSource tensor) throws IOException {
            if (tensor.type() != TensorType.F64) {
                float[] singles = tensor.floats();
                double[] out = new double[singles.length];
                for (int i = 0; i < out.length; i++) {
                    out[i] = singles[i];
                }
                return out;
            }
            if (tensor.shape().size() > Integer.MAX_VALUE - 8) {
                throw new CheckpointFormatException(
                        tensor.origin(),
                        List.of("has " + tensor.shape().size() + " numbers, too many for one Java array"));
            }
            double[] out = new double[(int) tensor.shape().size()];
            DoubleBuffer target = DoubleBuffer.wrap(out);
            tensor.sendTo(
                    chunk -> target.put(chunk.order(ByteOrder.LITTLE_ENDIAN).asDoubleBuffer()));
            return out;
        }
    }
}
