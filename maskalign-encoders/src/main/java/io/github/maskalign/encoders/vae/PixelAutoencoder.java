package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptFunction;
import java.nio.file.Path;

/**
 * No autoencoder: the latents are the pixels, for models that work on pictures themselves.
 *
 * <pre>encode(x) = N(x / 127.5 − 1, 0)     decode(z) = z     scale 1, bias 0</pre>
 *
 * <p>Latents have 3 channels and the picture's sides, so whatever takes an {@link Autoencoder} takes pixel models too.
 * There is no file of weights: {@link #file()} says {@code none}. Safe to share between threads.
 */
public final class PixelAutoencoder implements Autoencoder {
    private static final Path NO_FILE = Path.of("none");

    private final ScriptFunction scaled = ScriptFunction.of(NativeAutoencoder.class, "vae.py", "scaled");

    @Override
    public int latentChannels() {
        return 3;
    }

    @Override
    public int reduction() {
        return 1;
    }

    @Override
    public LatentMoments encode(NDArray images) {
        AutoencoderInputs.requireImages(images, reduction());
        NDManager owner = images.getManager();
        try (GradMode off = GradMode.off()) {
            NDArray x = scaled.callOn(owner, images).singletonOrThrow(); // (N, 3, H, W)
            return new LatentMoments(x, x.zerosLike());
        }
    }

    @Override
    public NDArray decode(NDArray latents) {
        AutoencoderInputs.requireLatents(latents, latentChannels());
        try (GradMode off = GradMode.off()) {
            return latents.duplicate();
        }
    }

    @Override
    public LatentScaling scaling() {
        return LatentScaling.of(1, 0);
    }

    @Override
    public Path file() {
        return NO_FILE;
    }

    @Override
    public void close() {
        // owns nothing
    }
}
