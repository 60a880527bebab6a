package io.github.maskalign.examples.compressor;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A compressor in training, REGLUE's {@code compressor.py} (arXiv 2512.16636): an encoder that {@link FeatureBasis} runs
 * afterwards, and a decoder that gives its channels back as tokens.
 *
 * <pre>
 * half(x): h = Conv(x); h ← ReLU(h + BN(Conv(ReLU(BN(Conv(h)))))); Conv(h)
 * L = mean((decoder(encoder(x)) − x)²),   encoder Z → H → C, decoder C → H → Z
 * </pre>
 *
 * <p>Convolutions are 3 × 3 with a margin of zeros and begin as PyTorch's do. Norms look at the batch; their running statistics
 * are measured after training. Keys are the official ones.
 */
final class CompressorNetwork {
    private static final List<String> HALVES = List.of("encoder.", "decoder.");
    private static final List<String> STATISTICS =
            List.of("1.bn1.running_mean", "1.bn1.running_var", "1.bn2.running_mean", "1.bn2.running_var");
    private static final String MODEL = "model.";
    private static final ScriptFunction ON_GRID = function("on_grid");
    private static final ScriptFunction HALF = function("half");
    private static final ScriptFunction BATCH_STATISTICS = function("batch_statistics");
    private static final ScriptFunction MEAN_SQUARE = function("mean_square");

    private final Half encoder;
    private final Half decoder;
    private final ParameterStore store;
    private final Map<String, Parameter> parameters = new LinkedHashMap<>();

    /** Makes fresh weights, drawn from the engine's generator. */
    CompressorNetwork(int width, int hidden, int channels, NDManager manager) {
        encoder = new Half(width, hidden, channels);
        decoder = new Half(channels, hidden, width);
        encoder.initialize(manager, DataType.FLOAT32, new Shape(2, width, 2, 2));
        decoder.initialize(manager, DataType.FLOAT32, new Shape(2, channels, 2, 2));
        store = new ParameterStore(manager, false);
        ParameterKeys.of(encoder).forEach((key, value) -> parameters.put(HALVES.get(0) + MODEL + key, value));
        ParameterKeys.of(decoder).forEach((key, value) -> parameters.put(HALVES.get(1) + MODEL + key, value));
    }

    private static ScriptFunction function(String name) {
        return ScriptFunction.of(FeatureBasis.class, "features.py", name);
    }

    /** Returns the weights by the official keys. */
    Map<String, Parameter> parameters() {
        return parameters;
    }

    /**
     * Returns tokens as the network sees them.
     *
     * @param tokens (N, G², Z)
     * @param grid G
     * @return (N, Z, G, G), standardised
     */
    static NDArray standardised(NDArray tokens, NDArray mean, NDArray std, int grid) {
        return ON_GRID.callForOne(tokens, mean, std, grid);
    }

    /** Returns the loss of standardised tokens (N, Z, G, G), by norms of the batch; 0-d. */
    NDArray loss(NDArray x) {
        return difference(through(decoder, through(encoder, x)), x);
    }

    /** Returns the mean squared difference; 0-d. */
    static NDArray difference(NDArray x, NDArray y) {
        return MEAN_SQUARE.callForOne(x, y);
    }

    private NDArray through(Half half, NDArray x) {
        return half.forward(store, new NDList(x), true).singletonOrThrow();
    }

    /** Returns mean and variance of what each norm sees of standardised tokens (N, Z, G, G), by the official keys. */
    Map<String, NDArray> statistics(NDArray x) {
        Map<String, NDArray> out = new LinkedHashMap<>();
        statistics(HALVES.get(0), x, out);
        statistics(HALVES.get(1), through(encoder, x), out);
        return out;
    }

    private void statistics(String half, NDArray x, Map<String, NDArray> to) {
        NDList found = BATCH_STATISTICS.call(x, weights(half));
        for (int i = 0; i < found.size(); i++) {
            to.put(half + MODEL + STATISTICS.get(i), found.get(i));
        }
    }

    /** Returns what comes back of standardised tokens (N, Z, G, G), by norms of known statistics. */
    NDArray reconstructed(NDArray x, Map<String, NDArray> statistics) {
        NDArray out = x;
        for (String name : HALVES) {
            NDList known = new NDList();
            for (String key : STATISTICS) {
                NDArray array = statistics.get(name + MODEL + key);
                if (array == null) {
                    throw new IllegalArgumentException("there is no " + name + MODEL + key);
                }
                known.add(array);
            }
            out = HALF.callForOne(out, weights(name), known);
        }
        return out;
    }

    private NDList weights(String half) {
        NDList out = new NDList();
        parameters.forEach((key, value) -> {
            if (key.startsWith(half)) {
                out.add(value.getArray());
            }
        });
        return out;
    }

    /** Encoder or decoder. */
    private static final class Half extends ScriptedBlock {
        private final int out;

        Half(int in, int hidden, int out) {
            super(function("half_of_batch"));
            this.out = out;
            convolution("0", in, hidden);
            for (String i : List.of("1", "2")) {
                convolution("1.conv" + i, hidden, hidden);
                parameter("1.bn" + i + ".weight", new Shape(hidden), Initializer.ONES);
                parameter("1.bn" + i + ".bias", new Shape(hidden), Initializer.ZEROS);
            }
            convolution("2", hidden, out);
        }

        private void convolution(String name, int in, int channels) {
            Initializer initializer = Initializers.convolution(9L * in);
            parameter(name + ".weight", new Shape(channels, in, 3, 3), initializer);
            parameter(name + ".bias", new Shape(channels), initializer);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            Shape x = inputShapes[0];
            return new Shape[] {new Shape(x.get(0), out, x.get(2), x.get(3))};
        }
    }
}
