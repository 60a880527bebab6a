package io.github.maskalign.core.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.script.ScriptFunction;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A frozen network that makes few channels of tokens on their grid, the encoder of REGLUE's {@code compressor.py}.
 *
 * <pre>
 * h = Conv(x),  Z → H
 * h ← ReLU(h + BN(Conv(ReLU(BN(Conv(h))))))
 * y = Conv(h),  H → C
 * </pre>
 *
 * <p>All convolutions are 3 × 3 with a margin of zeros, all norms by their running statistics, ε = 1e-5. Keys are those of the
 * official file, {@code encoder.model.0.weight} and so on, with or without {@code module.} in front; a decoder beside it is not
 * looked at. Immutable.
 */
final class TokenCompressor {
    private static final String ENCODER = "encoder.model.";
    private static final String DECODER = "decoder.model.";
    private static final String PREFIX = "module.";
    private static final String FIRST = ENCODER + "0.weight";
    private static final String LAST = ENCODER + "2.weight";
    private static final long MOST_WIDTH = 1 << 13;
    private static final ScriptFunction COMPRESS = ScriptFunction.of(FeatureBasis.class, "features.py", "compress");

    /** Weights by key, in the order of {@code half} in features.py, then statistics in that of {@code normalised}. */
    private final Map<String, Numbers> tensors;

    /** The numbers of a tensor, row-major. */
    private record Numbers(Shape shape, float[] values) {}

    private TokenCompressor(Map<String, Numbers> tensors) {
        this.tensors = tensors;
    }

    /** Whether a file holds a compressor. */
    static boolean isIn(StateDict tensors) {
        return tensors.keys().contains(FIRST) || tensors.keys().contains(PREFIX + FIRST);
    }

    /**
     * Reads the encoder of a file that also holds {@code mean} and {@code std}.
     *
     * @throws CheckpointFormatException if the file holds something else besides; names it
     */
    static TokenCompressor read(Path file, StateDict tensors) throws IOException {
        Map<String, TensorSource> plain = new LinkedHashMap<>();
        tensors.tensors()
                .forEach((key, tensor) ->
                        plain.put(key.startsWith(PREFIX) ? key.substring(PREFIX.length()) : key, tensor));
        StateDict all = StateDict.ofTensors(file.toString(), plain);
        Shape first = all.get(FIRST).shape();
        Shape last = all.get(LAST).shape();
        boolean fits = first.dimension() == 4
                && last.dimension() == 4
                && first.get(0) <= MOST_WIDTH
                && first.get(1) <= MOST_WIDTH
                && last.get(0) <= first.get(1);
        if (!fits) {
            throw new CheckpointFormatException(
                    file,
                    FIRST + " must be (H, Z, 3, 3) and " + LAST + " (C, H, 3, 3), C at most Z and both at most "
                            + MOST_WIDTH + ", but they are " + first + " and " + last);
        }
        Map<String, Shape> expected = shapes(first.get(1), first.get(0), last.get(0));
        for (String key : all.keys()) {
            boolean known = expected.containsKey(key)
                    || Set.of("mean", "std").contains(key)
                    || key.startsWith(DECODER)
                    || key.endsWith(".num_batches_tracked");
            if (!known) {
                throw new CheckpointFormatException(
                        file, "a compressor has an encoder of three layers but no tensor " + key);
            }
        }
        Map<String, TensorSource> encoder = new LinkedHashMap<>();
        for (String key : expected.keySet()) {
            encoder.put(key, all.get(key));
        }
        StateDict.ofTensors(file.toString(), encoder).require(expected);
        Map<String, Numbers> numbers = new LinkedHashMap<>();
        for (Map.Entry<String, Shape> tensor : expected.entrySet()) {
            String key = tensor.getKey();
            float[] values = all.get(key).floats();
            for (float x : values) {
                if (!Float.isFinite(x) || (key.endsWith("running_var") && x < 0)) {
                    throw new CheckpointFormatException(file, key + " holds " + x);
                }
            }
            numbers.put(key, new Numbers(tensor.getValue(), values));
        }
        return new TokenCompressor(numbers);
    }

    private static Map<String, Shape> shapes(long width, long hidden, long channels) {
        Map<String, Shape> out = new LinkedHashMap<>();
        convolution(out, "0", width, hidden);
        for (String i : List.of("1", "2")) {
            convolution(out, "1.conv" + i, hidden, hidden);
            out.put(ENCODER + "1.bn" + i + ".weight", new Shape(hidden));
            out.put(ENCODER + "1.bn" + i + ".bias", new Shape(hidden));
        }
        convolution(out, "2", hidden, channels);
        for (String i : List.of("1", "2")) {
            out.put(ENCODER + "1.bn" + i + ".running_mean", new Shape(hidden));
            out.put(ENCODER + "1.bn" + i + ".running_var", new Shape(hidden));
        }
        return out;
    }

    private static void convolution(Map<String, Shape> to, String name, long in, long out) {
        to.put(ENCODER + name + ".weight", new Shape(out, in, 3, 3));
        to.put(ENCODER + name + ".bias", new Shape(out));
    }

    int width() {
        return Math.toIntExact(numbers(FIRST).shape().get(1));
    }

    int channels() {
        return Math.toIntExact(numbers(LAST).shape().get(0));
    }

    private Numbers numbers(String key) {
        Numbers found = tensors.get(key);
        if (found == null) {
            throw new IllegalStateException("a compressor has no " + key);
        }
        return found;
    }

    /** Returns all tensors by the official keys, without copying them. */
    Map<String, TensorSource> tensors() {
        Map<String, TensorSource> out = new LinkedHashMap<>();
        tensors.forEach((key, numbers) -> out.put(key, TensorSource.of(numbers.shape, numbers.values)));
        return out;
    }

    /** Returns how many bytes {@link #putInto} writes. */
    int bytes() {
        return Float.BYTES
                * tensors.values().stream().mapToInt(n -> n.values.length).sum();
    }

    /** Writes all numbers, in a fixed order. */
    void putInto(ByteBuffer bytes) {
        for (Numbers numbers : tensors.values()) {
            for (float x : numbers.values) {
                bytes.putFloat(x);
            }
        }
    }

    /** Returns the network's arrays. */
    Placed on(NDManager owner) {
        List<NDArray> all = new ArrayList<>();
        tensors.values().forEach(numbers -> all.add(OwnedArrays.of(owner, numbers.shape, numbers.values)));
        int weights = all.size() - 4;
        return new Placed(new NDList(all.subList(0, weights)), new NDList(all.subList(weights, all.size())));
    }

    /**
     * The network on a device.
     *
     * @param weights of its layers
     * @param statistics of its norms
     */
    record Placed(NDList weights, NDList statistics) {
        /** Tokens (N, G², Z) standardised and compressed, (N, G², C). */
        NDArray compress(NDArray tokens, NDArray mean, NDArray std, int grid) {
            return COMPRESS.callForOne(tokens, mean, std, grid, weights, statistics);
        }
    }
}
