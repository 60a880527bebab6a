package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.script.ScriptFunction;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A {@link PatchAutoencoder} with fresh weights and the loss it is trained to.
 *
 * <pre>
 * m, s = encoder(x);  z = m + s · n,  n ~ N(0, 1);  y = decoder(z)
 * L = mean |x − y| + e · mean |∇x − ∇y| + h · mean |x↓ − decoder(z↓)| + k · KL(N(m, s²) ‖ N(0, 1))
 * </pre>
 *
 * <p>∇ are the differences between neighbours down and to the right, ↓ averages 2 × 2 pixels, KL is the mean over all
 * numbers of the latent. Source: variational autoencoders (arXiv 1312.6114) as in latent diffusion (arXiv 2112.10752);
 * the term at half the side keeps a latent's coarse form a picture's coarse form (scale equivariance, arXiv 2502.14831).
 */
public final class TrainablePatchAutoencoder {
    private static final int C = PatchAutoencoder.CHANNELS;

    private final PatchLayers encoder;
    private final PatchLayers decoder;
    private final ParameterStore store;
    private final Map<String, Parameter> parameters;
    private final ScriptFunction scaled = ScriptFunction.of(TrainablePatchAutoencoder.class, "vae.py", "scaled");
    private final ScriptFunction sampled =
            ScriptFunction.of(TrainablePatchAutoencoder.class, "patch_autoencoder.py", "sampled");
    private final ScriptFunction loss;

    /**
     * Weights of the summands besides the first.
     *
     * @param edge of differences between neighbours
     * @param half of pictures at half the side
     * @param kl of the distance from standard normal latents
     */
    public record Weighting(double edge, double half, double kl) {}

    /**
     * Losses of some pictures, 0-d.
     *
     * @param total what is minimised
     * @param pixel mean absolute difference of pictures in [−1, 1]
     * @param edge that of differences between neighbours, of both directions together
     * @param half that of pictures at half the side
     * @param kl distance of the latents from standard normal, nats per number
     */
    public record Losses(NDArray total, NDArray pixel, NDArray edge, NDArray half, NDArray kl) {}

    /**
     * Makes fresh weights, drawn from the engine's generator.
     *
     * @param weighting weights of the loss
     * @param manager owner of the weights
     */
    public TrainablePatchAutoencoder(Weighting weighting, NDManager manager) {
        this(weighting, PatchAutoencoder.newEncoder(), PatchAutoencoder.newDecoder(), manager);
    }

    /** As the other constructor, with parts of another size. */
    TrainablePatchAutoencoder(Weighting weighting, PatchLayers encoder, PatchLayers decoder, NDManager manager) {
        this.encoder = encoder;
        this.decoder = decoder;
        PatchAutoencoder.initialize(encoder, decoder, manager);
        parameters = PatchAutoencoder.parameters(encoder, decoder);
        store = new ParameterStore(manager, false);
        loss = ScriptFunction.of(TrainablePatchAutoencoder.class, "patch_autoencoder.py", "reconstruction_loss")
                .bind("edge_weight", weighting.edge())
                .bind("half_weight", weighting.half())
                .bind("kl_weight", weighting.kl());
    }

    /** Returns the weights by name. */
    public Map<String, Parameter> parameters() {
        return Collections.unmodifiableMap(parameters);
    }

    /** Returns the shape of the latent of a picture of this side, (C, h, w). */
    public static Shape latentShape(int side) {
        return new Shape(C, side / PatchAutoencoder.PATCH, side / PatchAutoencoder.PATCH);
    }

    /**
     * Computes the loss, recorded if gradient mode is on.
     *
     * @param images (N, 3, H, W), uint8, sides multiples of 8
     * @param noise (N, C, h, w), standard normal
     * @throws IllegalArgumentException if the pictures have another shape or type
     */
    public Losses losses(NDArray images, NDArray noise) {
        AutoencoderInputs.requireImages(images, 2 * PatchAutoencoder.PATCH);
        NDArray x = scaled.callForOne(images);
        NDArray moments = encoder.forward(store, new NDList(x), true).singletonOrThrow();
        NDList latents = sampled.call(moments, noise);
        NDArray y = decoder.forward(store, new NDList(latents.get(0)), true).singletonOrThrow();
        NDArray half = decoder.forward(store, new NDList(latents.get(1)), true).singletonOrThrow();
        NDList all = loss.call(x, y, half, latents.get(2));
        return new Losses(all.get(0), all.get(1), all.get(2), all.get(3), all.get(4));
    }

    /**
     * Writes weights, such as the averaged ones, for {@link PatchAutoencoder#open}; the file is replaced in one step.
     *
     * @param weights by {@link #parameters()}'s names
     */
    public static void write(Path file, Map<String, NDArray> weights) throws IOException {
        PatchAutoencoder.write(file, StateDict.of(weights).tensors());
    }

    /**
     * As {@link #write(Path, Map)}, with latents of mean 0 and variance 1 that decode to the same pictures: the 1 × 1
     * convolutions before and after the latents take the change in.
     *
     * <pre>
     * encoder: mean' = (mean − μ) / σ,  log variance' = log variance − 2 ln σ;  decoder: conv_in'(z') = conv_in(σ z' + μ)
     * </pre>
     *
     * @param mean μ, what becomes 0, for each channel
     * @param std σ, what becomes 1, for each channel, above 0
     */
    public static void writeStandardised(Path file, Map<String, NDArray> weights, double[] mean, double[] std)
            throws IOException {
        Map<String, TensorSource> tensors =
                new LinkedHashMap<>(StateDict.of(weights).tensors());
        float[] out = values(weights, "encoder.conv_out.weight");
        float[] outBias = values(weights, "encoder.conv_out.bias");
        float[] in = values(weights, "decoder.conv_in.weight");
        float[] inBias = values(weights, "decoder.conv_in.bias");
        int encoderWidth = out.length / (2 * C);
        for (int c = 0; c < C; c++) {
            if (!(std[c] > 0) || !Double.isFinite(std[c])) {
                throw new IllegalArgumentException("deviations must be above 0 but one was " + std[c]);
            }
            for (int k = c * encoderWidth; k < (c + 1) * encoderWidth; k++) {
                out[k] = (float) (out[k] / std[c]);
            }
            outBias[c] = (float) ((outBias[c] - mean[c]) / std[c]);
            outBias[C + c] = (float) (outBias[C + c] - 2 * StrictMath.log(std[c]));
        }
        for (int row = 0; row < inBias.length; row++) {
            double shift = inBias[row];
            for (int c = 0; c < C; c++) {
                shift += in[row * C + c] * mean[c];
                in[row * C + c] = (float) (in[row * C + c] * std[c]);
            }
            inBias[row] = (float) shift;
        }
        replace(tensors, "encoder.conv_out.weight", out);
        replace(tensors, "encoder.conv_out.bias", outBias);
        replace(tensors, "decoder.conv_in.weight", in);
        replace(tensors, "decoder.conv_in.bias", inBias);
        PatchAutoencoder.write(file, tensors);
    }

    private static float[] values(Map<String, NDArray> weights, String name) {
        NDArray array = weights.get(name);
        if (array == null) {
            throw new IllegalArgumentException("the weights must hold " + name + " but hold " + weights.keySet());
        }
        return array.toFloatArray();
    }

    private static void replace(Map<String, TensorSource> tensors, String name, float[] values) {
        tensors.computeIfPresent(name, (key, old) -> TensorSource.of(old.shape(), values));
    }
}
