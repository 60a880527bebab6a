package io.github.maskalign.encoders.inception;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The published weights, batch norms folded into the convolutions.
 *
 * <pre>w' = w γ / √(var + 0.001),   b' = β − mean γ / √(var + 0.001)</pre>
 *
 * @param tensors by the keys of {@link Inception}
 * @param hash SHA-256 of the numbers before folding, whatever the file they came in
 */
record InceptionWeights(Map<String, NDArray> tensors, String hash) {
    private static final double EPSILON = 1e-3;

    /** Tensors of published files that the features do not depend on. */
    private static final Pattern UNUSED = Pattern.compile("fc\\.bias|AuxLogits\\..*|.*\\.num_batches_tracked");

    /**
     * Reads and folds.
     *
     * @throws io.github.maskalign.core.files.CheckpointFormatException with all keys that are missing, unknown or of another
     *     shape
     */
    static InceptionWeights read(NDManager manager, StateDict file) throws IOException {
        Map<String, TensorSource> needed = new LinkedHashMap<>();
        file.tensors().forEach((key, tensor) -> {
            if (!UNUSED.matcher(key).matches()) {
                needed.put(key, tensor);
            }
        });
        StateDict weights = StateDict.ofTensors(needed).require(InceptionLayout.fileShapes());
        MessageDigest digest = sha256();
        Map<String, NDArray> tensors = new LinkedHashMap<>();
        for (InceptionLayout.Unit unit : InceptionLayout.units()) {
            for (InceptionLayout.Conv conv : unit.convs()) {
                fold(manager, weights.under(unit.key(conv) + "."), conv, unit.key(conv), tensors, digest);
            }
        }
        float[] classifier = floats(weights, "fc.weight", digest);
        tensors.put(
                "fc.weight",
                OwnedArrays.of(manager, new Shape(InceptionLayout.CLASSES, InceptionLayout.WIDTH), classifier));
        return new InceptionWeights(tensors, HexFormat.of().formatHex(digest.digest()));
    }

    private static void fold(
            NDManager manager,
            StateDict own,
            InceptionLayout.Conv conv,
            String key,
            Map<String, NDArray> tensors,
            MessageDigest digest)
            throws IOException {
        float[] weight = floats(own, "conv.weight", digest);
        float[] gamma = floats(own, "bn.weight", digest);
        float[] beta = floats(own, "bn.bias", digest);
        float[] mean = floats(own, "bn.running_mean", digest);
        float[] variance = floats(own, "bn.running_var", digest);
        float[] bias = new float[conv.out()];
        int row = weight.length / conv.out();
        for (int c = 0; c < conv.out(); c++) {
            double scale = gamma[c] / Math.sqrt(variance[c] + EPSILON);
            for (int i = c * row; i < (c + 1) * row; i++) {
                weight[i] = (float) (weight[i] * scale);
            }
            bias[c] = (float) (beta[c] - mean[c] * scale);
        }
        tensors.put(key + ".conv.weight", OwnedArrays.of(manager, conv.weight(), weight));
        tensors.put(key + ".conv.bias", OwnedArrays.of(manager, new Shape(conv.out()), bias));
    }

    private static float[] floats(StateDict file, String key, MessageDigest digest) throws IOException {
        float[] values = file.get(key).floats();
        ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        digest.update(bytes);
        return values;
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
