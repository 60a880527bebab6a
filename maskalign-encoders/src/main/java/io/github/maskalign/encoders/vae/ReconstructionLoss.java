package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What an autoencoder minimises while it is trained along with a diffusion model, beside the term that the model adds.
 *
 * <pre>
 * m, s = encoder(x);  z = m + s · n,  n ~ N(0, 1);  y = decoder(z)
 * L = mean |x − y| + p · LPIPS(x, y) + k · KL(N(m, s²) ‖ N(0, 1)) − g · mean D(y)
 * L_D = ½ (mean max(0, 1 − D(x)) + mean max(0, 1 + D(y)))                 of the discriminator D, where y stands still
 * </pre>
 *
 * <p>KL is summed over a picture's latent. Source: REPA-E (arXiv 2504.10483), {@code l1_lpips_kl_gan.yaml}: the GAN's weight is
 * fixed, from the first step on.
 */
public final class ReconstructionLoss {
    private static final String FILE = "reconstruction.py";
    private static final int DISCRIMINATOR_WIDTH = 64;

    private final TrainableAutoencoder autoencoder;
    private final Weighting weighting;
    private final @Nullable PatchDiscriminator discriminator;
    private final @Nullable PerceptualDistance perceptual;
    private final ParameterStore store;
    private final ScriptFunction scaled = script("vae.py", "scaled");
    private final ScriptFunction posterior = script(FILE, "posterior");
    private final ScriptFunction pixelDifference = script(FILE, "pixel_difference");
    private final ScriptFunction generatorLoss = script(FILE, "generator_loss");
    private final ScriptFunction hingeLoss = script(FILE, "hinge_loss");
    private final ScriptFunction plus = script(FILE, "plus");

    /**
     * Weights of the summands besides the first, at least 0.
     *
     * @param perceptual p of LPIPS; not used without its network
     * @param kl k of the distance from standard normal latents
     * @param gan g of the discriminator's verdict; 0 does without discriminator
     */
    public record Weighting(double perceptual, double kl, double gan) {}

    /**
     * Losses of some pictures.
     *
     * @param latents z, unscaled (N, C, h, w), recorded
     * @param total what the autoencoder minimises, 0-d
     * @param discriminator what the discriminator minimises, 0-d; null without one
     * @param parts the summands before weighting by their names in logs, 0-d
     */
    public record Losses(
            NDArray latents, NDArray total, @Nullable NDArray discriminator, Map<String, NDArray> parts) {}

    /**
     * Prepares the loss; a discriminator gets fresh weights, drawn from the engine's generator.
     *
     * @param perceptual LPIPS; null for pixels alone
     * @param manager owner of the discriminator's weights
     */
    public ReconstructionLoss(
            TrainableAutoencoder autoencoder,
            Weighting weighting,
            @Nullable PerceptualDistance perceptual,
            NDManager manager) {
        this(autoencoder, weighting, perceptual, manager, DISCRIMINATOR_WIDTH);
    }

    /**
     * As the other constructor, with a discriminator of another size.
     *
     * @param width channels of its first layer; 64 as published
     */
    public ReconstructionLoss(
            TrainableAutoencoder autoencoder,
            Weighting weighting,
            @Nullable PerceptualDistance perceptual,
            NDManager manager,
            int width) {
        this.autoencoder = autoencoder;
        this.weighting = weighting;
        this.perceptual = weighting.perceptual() > 0 ? perceptual : null;
        store = new ParameterStore(manager, false);
        discriminator = weighting.gan() > 0 ? new PatchDiscriminator(width) : null;
        if (discriminator != null) {
            int side = PatchDiscriminator.SMALLEST_SIDE;
            discriminator.initialize(manager, DataType.FLOAT32, new Shape(1, 3, side, side));
        }
    }

    private static ScriptFunction script(String file, String function) {
        return ScriptFunction.of(ReconstructionLoss.class, file, function);
    }

    /** Returns the autoencoder. */
    public TrainableAutoencoder autoencoder() {
        return autoencoder;
    }

    /** Returns the discriminator's weights by the keys of its original; empty without one. */
    public Map<String, Parameter> discriminator() {
        return discriminator == null ? Map.of() : ParameterKeys.of(discriminator);
    }

    /**
     * Computes the losses, recorded if gradient mode is on.
     *
     * @param images (N, 3, H, W), uint8, sides multiples of the autoencoder's reduction and, with a discriminator, at least 24
     * @param noise n (N, C, h, w), standard normal
     * @throws IllegalArgumentException if the pictures are too small
     */
    public Losses of(NDArray images, NDArray noise) {
        long side = Math.min(images.getShape().get(2), images.getShape().get(3));
        if (discriminator != null && side < PatchDiscriminator.SMALLEST_SIDE) {
            throw new IllegalArgumentException("the discriminator takes pictures of at least "
                    + PatchDiscriminator.SMALLEST_SIDE + " pixels but was given " + side
                    + ": set terms.endToEnd.gan to 0, or take larger ones");
        }
        NDArray x = scaled.callForOne(images);
        NDList sampled = posterior.call(autoencoder.encode(x), noise);
        NDArray z = sampled.get(0);
        NDArray kl = sampled.get(1);
        NDArray y = autoencoder.decode(z);
        Map<String, NDArray> parts = new LinkedHashMap<>();
        NDArray pixel = pixelDifference.callForOne(x, y);
        parts.put("pixel", pixel);
        NDArray total = pixel;
        if (perceptual != null) {
            NDArray distance = perceptual.of(x, y);
            parts.put("lpips", distance);
            total = plus.callForOne(total, distance, weighting.perceptual());
        }
        parts.put("kl", kl);
        total = plus.callForOne(total, kl, weighting.kl());
        NDArray verdict = null;
        if (discriminator != null) {
            NDArray fooled = generatorLoss.callForOne(scores(y));
            parts.put("gan", fooled);
            total = plus.callForOne(total, fooled, weighting.gan());
            verdict = hingeLoss.callForOne(scores(x), scores(y.stopGradient()));
            parts.put("discriminator", verdict);
        }
        return new Losses(z, total, verdict, parts);
    }

    private NDArray scores(NDArray pictures) {
        if (discriminator == null) {
            throw new IllegalStateException("there is no discriminator");
        }
        return discriminator.forward(store, new NDList(pictures), true).singletonOrThrow();
    }
}
