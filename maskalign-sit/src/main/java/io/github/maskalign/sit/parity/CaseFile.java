package io.github.maskalign.sit.parity;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.MessageText;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.files.internal.StrictJson;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.parity.ParityCase.ParityResult;
import io.github.maskalign.sit.parity.internal.ParityConfig;
import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** An open case: its texts and tensors, the model that they describe, and how far results are from what it says. */
final class CaseFile {
    static final String INPUTS = "inputs/";
    static final String OUTPUTS = "outputs/";
    static final String GRADS = "grads/";

    private static final double LEAST_COSINE = 0.1;
    private static final String WEIGHTS = "weights/";
    private static final Set<String> FAMILIES = Set.of("sit", "repa", "reg", "maskalign", "sit-official");

    private final SafetensorsFile file;
    private final NDManager manager;
    private final CaseErrors errors = new CaseErrors();

    CaseFile(SafetensorsFile file, NDManager manager) {
        this.file = file;
        this.manager = manager;
    }

    NDManager manager() {
        return manager;
    }

    /** Returns a text of the metadata. */
    String text(String key) throws CheckpointFormatException {
        String value = file.metadata().get(key);
        if (value == null) {
            throw problem("metadata " + key + " is missing");
        }
        return value;
    }

    /** Returns a text of the metadata that may be missing. */
    String text(String key, String ifMissing) {
        return file.metadata().getOrDefault(key, ifMissing);
    }

    double number(String key) throws CheckpointFormatException {
        String value = text(key);
        try {
            return Double.parseDouble(value);
        } catch (NumberFormatException e) {
            throw problem("metadata " + key + " must be a number but was " + MessageText.value(value));
        }
    }

    int whole(String key) throws CheckpointFormatException {
        double value = number(key);
        if (value != Math.rint(value) || Math.abs(value) > Integer.MAX_VALUE) {
            throw problem("metadata " + key + " must be a whole number but was " + MessageText.value(text(key)));
        }
        return (int) value;
    }

    /** Returns one of some words of the metadata; capitals do not matter. */
    <E extends Enum<E>> E choice(String key, Class<E> type) throws CheckpointFormatException {
        String value = text(key);
        for (E each : type.getEnumConstants()) {
            if (each.name().equals(value.toUpperCase(Locale.ROOT))) {
                return each;
            }
        }
        throw problem("metadata " + key + " must be one of " + Arrays.toString(type.getEnumConstants()) + " but was "
                + MessageText.value(value));
    }

    String family() throws CheckpointFormatException {
        String family = file.metadata().get("family");
        if (family == null || !FAMILIES.contains(family)) {
            throw problem("metadata family must be one of " + FAMILIES + " but was "
                    + MessageText.value(String.valueOf(family)));
        }
        return family;
    }

    /** Returns the model that family, config and {@code qk_norm} describe. */
    SiTConfig config() throws CheckpointFormatException {
        String family = family();
        String config = text("config");
        boolean normalised =
                List.of("true", "1").contains(text("qk_norm", "false").toLowerCase(Locale.ROOT));
        try {
            SiTConfig model =
                    ParityConfig.of(StrictJson.parse(file.path(), "metadata config", config), family, under(WEIGHTS));
            if (family.equals("maskalign")) {
                model = model.withPlacement(SubsetPlacement.DROP, 0, 0);
            }
            return model.withOptions(
                    model.model().mlpRatio(),
                    model.model().classDropoutProb(),
                    normalised,
                    family.equals("sit-official"));
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw problem("metadata config is no model: " + e.getMessage());
        }
    }

    /** Returns the model with the case's weights, which the file must have: otherwise any size may be claimed. */
    SiT model() throws IOException {
        SiTConfig config = config();
        // a model computes its positions when it is made, so these must be known to be those of the file
        long rows = config.tokens() + (config.hasClassToken() ? 1L : 0L);
        Shape positions = new Shape(1, rows, config.model().hiddenSize());
        if (!has(WEIGHTS + "pos_embed") || !shape(WEIGHTS + "pos_embed").equals(positions)) {
            throw problem(WEIGHTS + "pos_embed must have shape " + positions + ", as metadata config says, but "
                    + (has(WEIGHTS + "pos_embed") ? "has " + shape(WEIGHTS + "pos_embed") : "is missing"));
        }
        SiT model;
        Map<String, Shape> shapes = new LinkedHashMap<>();
        try {
            model = new SiT(config);
        } catch (IllegalArgumentException e) { // heads that do not divide a width
            throw problem("metadata config is no model: " + e.getMessage());
        }
        ParameterKeys.of(model).forEach((key, parameter) -> shapes.put(WEIGHTS + key, parameter.getShape()));
        Map<String, TensorSource> found = new LinkedHashMap<>(file.stateDict().tensors());
        found.keySet().removeIf(key -> !key.startsWith(WEIGHTS));
        try {
            StateDict.ofTensors(found).require(shapes);
        } catch (CheckpointFormatException e) {
            throw new CheckpointFormatException(file.path().toString(), e.problems());
        }
        model.initialize(manager);
        Map<String, NDArray> weights = new LinkedHashMap<>();
        for (String key : under(WEIGHTS)) {
            weights.put(key, file.read(WEIGHTS + key, manager));
        }
        try {
            Weights.copyInto(model, weights);
        } catch (IllegalArgumentException e) {
            throw problem(String.valueOf(e.getMessage()));
        }
        return model;
    }

    boolean has(String tensor) {
        return file.tensors().containsKey(tensor);
    }

    /** Returns what follows a prefix in the names of all tensors that begin with it. */
    List<String> under(String prefix) {
        return file.tensors().keySet().stream()
                .filter(name -> name.startsWith(prefix))
                .map(name -> name.substring(prefix.length()))
                .toList();
    }

    NDArray read(String tensor, NDManager owner) throws IOException {
        return file.read(tensor, owner);
    }

    /** Returns numbers of any type as float32. */
    NDArray floats(String tensor, NDManager owner) throws IOException {
        TensorSource source = file.tensor(tensor);
        if (source.type().isFloat()) {
            return OwnedArrays.of(owner, source.shape(), source.floats());
        }
        long[] whole = source.longs();
        float[] out = new float[whole.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = whole[i];
        }
        return OwnedArrays.of(owner, source.shape(), out);
    }

    /** Returns indices in [0, limit) as int64: the engine would read beyond its arrays. */
    NDArray indices(String tensor, NDManager owner, int limit) throws IOException {
        TensorSource source = file.tensor(tensor);
        if (source.type().isFloat()) {
            throw problem(tensor + " must hold whole numbers but is " + source.type());
        }
        long[] values = source.longs();
        for (long value : values) {
            if (value < 0 || value >= limit) {
                throw problem(tensor + " must be in [0, " + (limit - 1) + "] but holds " + value);
            }
        }
        return OwnedArrays.of(owner, source.shape(), values);
    }

    /** Returns a float32 or float64 tensor as doubles. */
    double[] doubles(String tensor) throws IOException {
        try (NDManager scratch = manager.newSubManager()) {
            return values(file.read(tensor, scratch));
        }
    }

    Shape shape(String tensor) throws IOException {
        return file.tensor(tensor).shape();
    }

    void output(String name, NDArray found) throws IOException {
        requireShape(name, found.getShape());
        errors.output(name, values(found), doubles(name));
    }

    void output(String name, double[] found, double[] expected) {
        errors.output(name, found, expected);
    }

    void gradient(String name, NDArray found) throws IOException {
        requireShape(name, found.getShape());
        errors.gradient(name, values(found), doubles(name));
    }

    /**
     * Compares a loss, which may be stored with a shape of (1). A mean cosine near 0 is a sum of terms that cancel, each
     * rounded in float32: its error is measured against 0.1 at least.
     */
    void scalar(String name, double found) throws IOException {
        double[] expected = doubles(name);
        if (expected.length != 1) {
            throw problem(name + " must be one number but has shape " + shape(name));
        }
        double least = name.endsWith("/alignment") ? LEAST_COSINE : 0;
        errors.output(name, Math.abs(found - expected[0]), Math.max(Math.abs(expected[0]), least));
    }

    static double[] values(NDArray array) {
        if (array.getDataType() == DataType.FLOAT64) {
            return array.toDoubleArray();
        }
        float[] floats = array.toFloatArray();
        double[] out = new double[floats.length];
        for (int i = 0; i < out.length; i++) {
            out[i] = floats[i];
        }
        return out;
    }

    private void requireShape(String name, Shape found) throws IOException {
        if (!found.equals(shape(name))) {
            throw problem(name + " must have shape " + found + " but has " + shape(name));
        }
    }

    CheckpointFormatException problem(String what) {
        return new CheckpointFormatException(file.path(), what);
    }

    ParityResult result() {
        return errors.result(file.path().getFileName().toString().replaceFirst("\\.safetensors$", ""));
    }

    /** Largest errors so far, ‖a − b‖ / ‖b‖ in float64 or ‖a‖ where b is zero; NaN counts as infinitely large. */
    static final class CaseErrors {
        private double output;
        private double gradient = -1;
        private double share = -1;
        private String key = "";

        void output(String name, double[] found, double[] expected) {
            output(name, error(found, expected));
        }

        /** Notes a difference between two numbers and the size that it is measured against. */
        void output(String name, double difference, double size) {
            output(name, finite(size == 0 ? difference : difference / size));
        }

        private void output(String name, double error) {
            output = Math.max(output, error);
            consider(name, error / ParityResult.OUTPUT_LIMIT);
        }

        void gradient(String name, double[] found, double[] expected) {
            double error = error(found, expected);
            gradient = Math.max(gradient, error);
            consider(name, error / ParityResult.GRAD_LIMIT);
        }

        /** Returns the whole; a case that compared nothing does not pass. */
        ParityResult result(String name) {
            return new ParityResult(name, output, gradient < 0 ? null : gradient, key, share >= 0 && share <= 1);
        }

        private void consider(String name, double shareOfLimit) {
            if (shareOfLimit > share) {
                share = shareOfLimit;
                key = name;
            }
        }

        private static double error(double[] a, double[] b) {
            double difference = 0;
            double norm = 0;
            for (int i = 0; i < a.length; i++) {
                double d = a[i] - b[i];
                difference += d * d;
                norm += b[i] * b[i];
            }
            return finite(Math.sqrt(norm == 0 ? difference : difference / norm));
        }

        private static double finite(double error) {
            return Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
        }
    }
}
