package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.script.ScriptFunction;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * LPIPS of version 0.1 with VGG-16 (Zhang et al., arXiv 1801.03924), whose weights stand still: how different two pictures
 * look, differentiable in both.
 *
 * <pre>d(x, y) = Σ_stages mean_pixels Σ_channels w (f(x) / ‖f(x)‖ − f(y) / ‖f(y)‖)²</pre>
 *
 * <p>The stages end behind the ReLUs 1_2, 2_2, 3_3, 4_3 and 5_3. The weights come from files that the user has: torchvision's
 * {@code vgg16} and the five linear layers of the package {@code lpips}.
 */
public final class PerceptualDistance {
    /** Numbers of torchvision's convolutions, and of the stages they are in. */
    private static final int[][] LAYERS = {
        {0, 1}, {2, 1}, {5, 2}, {7, 2}, {10, 3}, {12, 3}, {14, 3}, {17, 4}, {19, 4}, {21, 4}, {24, 5}, {26, 5}, {28, 5}
    };

    private static final int STAGES = 5;

    private final ScriptFunction distance = ScriptFunction.of(PerceptualDistance.class, "lpips.py", "lpips");
    private final NDList weights;

    private PerceptualDistance(NDList weights) {
        this.weights = weights;
    }

    /**
     * Reads the weights.
     *
     * @param vgg file with {@code features.N.weight} and {@code .bias}, or {@code net.sliceK.N.*} as a whole LPIPS has them
     * @param linear file with {@code linK.model.1.weight}; may be the same
     * @param manager owner of the weights
     * @throws CheckpointFormatException if a weight is missing or does not fit the one before it, with all of them
     */
    public static PerceptualDistance open(Path vgg, Path linear, NDManager manager) throws IOException {
        try (WeightsFile network = WeightsFile.open(vgg);
                WeightsFile lines = WeightsFile.open(linear);
                GradMode values = GradMode.off()) {
            return new PerceptualDistance(read(vgg, network.stateDict(), linear, lines.stateDict(), manager));
        }
    }

    private static NDList read(Path vgg, StateDict network, Path linear, StateDict lines, NDManager manager)
            throws IOException {
        List<String> problems = new ArrayList<>();
        List<TensorSource> found = new ArrayList<>();
        List<Long> widths = new ArrayList<>();
        long in = 3;
        for (int[] layer : LAYERS) {
            TensorSource weight = find(network, layer, "weight");
            TensorSource bias = find(network, layer, "bias");
            if (weight == null || bias == null) {
                problems.add("features." + layer[0] + ".weight and .bias of VGG-16 are missing");
                continue;
            }
            long out = weight.shape().dimension() == 4 ? weight.shape().get(0) : 0;
            if (!weight.shape().equals(new Shape(out, in, 3, 3))
                    || !bias.shape().equals(new Shape(out))) {
                problems.add("features." + layer[0] + " must take " + in + " channels in kernels of 3 x 3 but has "
                        + weight.shape() + " and " + bias.shape());
            }
            found.add(weight);
            found.add(bias);
            in = out;
            if (widths.size() < layer[1]) {
                widths.add(out);
            }
            widths.set(layer[1] - 1, out);
        }
        if (!problems.isEmpty()) {
            throw new CheckpointFormatException(vgg.toString(), problems);
        }
        for (int k = 0; k < STAGES; k++) {
            Map<String, TensorSource> all = lines.tensors();
            TensorSource line = all.get("lin" + k + ".model.1.weight");
            Shape wanted = new Shape(1, widths.get(k), 1, 1);
            if (line == null || !line.shape().equals(wanted)) {
                problems.add("lin" + k + ".model.1.weight must have shape " + wanted
                        + (line == null ? " but is missing" : " but has " + line.shape()));
            } else {
                found.add(line);
            }
        }
        if (!problems.isEmpty()) {
            throw new CheckpointFormatException(linear.toString(), problems);
        }
        NDList arrays = new NDList();
        for (TensorSource tensor : found) {
            arrays.add(tensor.read(manager));
        }
        return arrays;
    }

    private static @Nullable TensorSource find(StateDict network, int[] layer, String name) {
        Map<String, TensorSource> all = network.tensors();
        TensorSource plain = all.get("features." + layer[0] + "." + name);
        return plain != null ? plain : all.get("net.slice" + layer[1] + "." + layer[0] + "." + name);
    }

    /**
     * Returns the mean over pictures of their distances, 0-d.
     *
     * @param x pictures in [−1, 1] (N, 3, H, W), sides at least 16
     * @param y as many of the same size
     */
    public NDArray of(NDArray x, NDArray y) {
        return distance.callForOne(x, y, weights);
    }
}
