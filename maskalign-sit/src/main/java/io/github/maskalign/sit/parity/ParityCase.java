package io.github.maskalign.sit.parity;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.SubsetPlacement;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.io.CheckpointFormatException;
import io.github.maskalign.core.io.MessageText;
import io.github.maskalign.core.io.SafetensorsFile;
import io.github.maskalign.core.io.StateDict;
import io.github.maskalign.core.io.StrictJson;
import io.github.maskalign.core.io.TensorSource;
import io.github.maskalign.core.nn.ParameterKeys;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTInput;
import io.github.maskalign.sit.SiTOutput;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * One reference case: weights, inputs, outputs and gradients of a model of the family.
 *
 * <p>The file is a safetensors file with metadata {@code family} ({@code sit}, {@code repa}, {@code reg},
 * {@code maskalign}, {@code sit-official}), {@code config} and {@code loss} ({@code half_square}: half the sum over
 * the outputs of the mean of their squares), and tensors {@code weights/*}, {@code inputs/*}, {@code outputs/*},
 * {@code grads/*}. {@code sit-official} holds time and velocity on its own axis, t = 1 being data, and a head of 2C
 * channels.
 */
public final class ParityCase {
    private static final Set<String> FAMILIES = Set.of("sit", "repa", "reg", "maskalign", "sit-official");

    private static final String WEIGHTS = "weights/";

    private final Path path;
    private final String family;
    private final SiTConfig config;

    private ParityCase(Path path, String family, SiTConfig config) {
        this.path = path;
        this.family = family;
        this.config = config;
    }

    /**
     * Re-computes a case on the CPU, where float32 is float32: GPUs round the operands of convolutions.
     *
     * @throws CheckpointFormatException if the file is no parity case
     * @throws IOException if it cannot be read
     */
    public static ParityResult check(Path path) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(path);
                NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            return open(path, file.metadata()).compare(file, manager);
        }
    }

    private static ParityCase open(Path path, Map<String, String> metadata) throws CheckpointFormatException {
        String family = metadata.get("family");
        if (family == null || !FAMILIES.contains(family)) {
            throw new CheckpointFormatException(
                    path,
                    "metadata family must be one of " + FAMILIES + " but was "
                            + MessageText.quote(String.valueOf(family)));
        }
        String config = metadata.get("config");
        if (config == null) {
            throw new CheckpointFormatException(path, "metadata config is missing");
        }
        String loss = metadata.get("loss");
        if (loss != null && !loss.equals("half_square")) {
            throw new CheckpointFormatException(
                    path, "metadata loss must be half_square but was " + MessageText.quote(loss));
        }
        try {
            SiTConfig model = ParityConfig.of(StrictJson.parse(path, "metadata config", config));
            if (family.equals("maskalign")) {
                model = model.withPlacement(SubsetPlacement.DROP, 0, 0);
            }
            if (family.equals("sit-official")) {
                model = model.withOptions(model.mlpRatio(), model.classDropoutProb(), model.qkNorm(), true);
            }
            return new ParityCase(path, family, model);
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw new CheckpointFormatException(path, "metadata config is no model: " + e.getMessage());
        }
    }

    private ParityResult compare(SafetensorsFile file, NDManager manager) throws IOException {
        SiT model = model(file);
        model.initialize(manager);
        Map<String, NDArray> weights = new LinkedHashMap<>();
        for (String name : file.tensors().keySet()) {
            if (name.startsWith(WEIGHTS)) {
                weights.put(name.substring(WEIGHTS.length()), file.read(name, manager));
            }
        }
        try {
            Weights.copyInto(model, weights);
        } catch (IllegalArgumentException e) {
            throw new CheckpointFormatException(path, String.valueOf(e.getMessage()));
        }
        try (GradMode recording = GradMode.on()) {
            return compare(file, manager, model);
        }
    }

    /** Returns the model, whose weights the file must have: otherwise any size may be claimed. */
    private SiT model(SafetensorsFile file) throws CheckpointFormatException {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        SiT model;
        try {
            model = new SiT(config);
        } catch (IllegalArgumentException e) { // heads that do not divide a width
            throw new CheckpointFormatException(path, "metadata config is no model: " + e.getMessage());
        }
        ParameterKeys.of(model).forEach((key, parameter) -> shapes.put(WEIGHTS + key, parameter.getShape()));
        Map<String, TensorSource> weights = new LinkedHashMap<>(file.stateDict().tensors());
        weights.keySet().removeIf(key -> !key.startsWith(WEIGHTS));
        try {
            StateDict.ofTensors(weights).require(shapes);
        } catch (CheckpointFormatException e) {
            throw new CheckpointFormatException(path.toString(), e.problems());
        }
        return model;
    }

    private ParityResult compare(SafetensorsFile file, NDManager manager, SiT model) throws IOException {
        boolean subset = family.equals("maskalign");
        SiTInput in = new SiTInput(
                file.read("inputs/x", manager),
                file.read("inputs/t", manager),
                file.read("inputs/y", manager),
                config.hasClassToken() ? file.read("inputs/cls", manager) : null,
                subset ? file.read("inputs/keep", manager) : null,
                null);
        requireBelow("inputs/y", in.y(), config.numClasses() + 1);
        if (in.keep() != null) {
            requireBelow("inputs/keep", in.keep(), config.tokens());
        }
        SiTOutput out;
        try {
            out = model.forward(new ParameterStore(manager, false), in, false);
        } catch (IllegalArgumentException e) {
            throw new CheckpointFormatException(path, String.valueOf(e.getMessage()));
        }
        Map<String, NDArray> outputs = new LinkedHashMap<>();
        outputs.put("v", out.velocity());
        for (int k = 0; k < out.projected().size(); k++) {
            outputs.put("z." + k, out.projected().get(k));
        }
        if (out.classVelocity() != null) {
            outputs.put("cls", out.classVelocity());
        }
        Worst worst = new Worst();
        for (Map.Entry<String, NDArray> output : outputs.entrySet()) {
            String name = "outputs/" + output.getKey();
            worst.output(name, error(name, output.getValue(), file.read(name, manager)));
        }
        if (file.tensors().keySet().stream().anyMatch(name -> name.startsWith("grads/"))) {
            gradients(file, manager, model, outputs, worst);
        }
        String fileName = path.getFileName().toString().replaceFirst("\\.safetensors$", "");
        return worst.result(fileName);
    }

    private void requireBelow(String name, NDArray found, int limit) throws CheckpointFormatException {
        if (found.getDataType() != DataType.INT64) {
            throw new CheckpointFormatException(path, name + " must be int64 but is " + found.getDataType());
        }
        for (long value : found.toLongArray()) {
            if (value < 0 || value >= limit) {
                throw new CheckpointFormatException(
                        path, name + " must be in [0, " + (limit - 1) + "] but has " + value);
            }
        }
    }

    private void gradients(
            SafetensorsFile file, NDManager manager, SiT model, Map<String, NDArray> outputs, Worst worst)
            throws IOException {
        NDArray loss = null;
        for (NDArray output : outputs.values()) {
            NDArray part = output.square().mean();
            loss = loss == null ? part : loss.add(part);
        }
        if (loss == null) {
            return;
        }
        NDList gradients = Autograd.gradients(Autograd.divide(loss, 2), Weights.trainable(model), manager);
        int i = 0;
        for (Map.Entry<String, Parameter> parameter : ParameterKeys.of(model).entrySet()) {
            if (!parameter.getValue().requiresGradient()) {
                continue;
            }
            NDArray found = gradients.get(i++);
            String name = "grads/" + parameter.getKey();
            if (file.tensors().containsKey(name)) {
                worst.gradient(name, error(name, found, file.read(name, manager)));
            }
        }
    }

    /** ‖a − b‖ / ‖b‖ in float64; ‖a‖ if b is zero. */
    private double error(String name, NDArray found, NDArray expected) throws CheckpointFormatException {
        if (!found.getShape().equals(expected.getShape())) {
            throw new CheckpointFormatException(
                    path, name + " must have shape " + found.getShape() + " but has " + expected.getShape());
        }
        if (expected.getDataType() != DataType.FLOAT32) {
            throw new CheckpointFormatException(path, name + " must be float32 but is " + expected.getDataType());
        }
        float[] a = found.toFloatArray();
        float[] b = expected.toFloatArray();
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < a.length; i++) {
            double d = (double) a[i] - b[i];
            difference += d * d;
            norm += (double) b[i] * b[i];
        }
        return Math.sqrt(norm == 0 ? difference : difference / norm);
    }

    /** Largest errors so far; NaN counts as infinitely large. */
    private static final class Worst {
        private double output;
        private double gradient = -1;
        private double share = -1;
        private String key = "";

        void output(String name, double error) {
            output = Math.max(output, finite(error));
            consider(name, finite(error) / ParityResult.OUTPUT_LIMIT);
        }

        void gradient(String name, double error) {
            gradient = Math.max(gradient, finite(error));
            consider(name, finite(error) / ParityResult.GRAD_LIMIT);
        }

        ParityResult result(String name) {
            return new ParityResult(name, output, gradient < 0 ? null : gradient, key, share <= 1);
        }

        private void consider(String name, double shareOfLimit) {
            if (shareOfLimit > share) {
                share = shareOfLimit;
                key = name;
            }
        }

        private static double finite(double error) {
            return Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
        }
    }
}
