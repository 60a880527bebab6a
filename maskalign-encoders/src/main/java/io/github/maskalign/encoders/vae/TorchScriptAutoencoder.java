package io.github.maskalign.encoders.vae;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.core.script.ScriptModule;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.encoders.vae.Autoencoder.LatentMoments;
import java.io.IOException;
import java.nio.file.Path;

/**
 * An autoencoder in two TorchScript archives, as {@code scripts/export_vae.py} writes them.
 *
 * <p>The encoder's {@code forward} takes pictures in [−1, 1], (N, 3, H, W), float32, and returns mean and log-variance
 * (N, 2C, h, w); the decoder's takes unscaled latents (N, C, h, w) and returns pictures (N, 3, H, W). A TorchScript
 * file is a program and runs as one.
 */
public final class TorchScriptAutoencoder implements Autoencoder {
    private static final int PROBE = 64;

    private final Path file;
    private final ScriptModule encoder;
    private final ScriptModule decoder;
    private final int channels;
    private final int reduction;
    private final ScriptFunction scaled = ScriptFunction.of(TorchScriptAutoencoder.class, "vae.py", "scaled");
    private final ScriptFunction moments = ScriptFunction.of(TorchScriptAutoencoder.class, "vae.py", "moments");

    private TorchScriptAutoencoder(Path file, ScriptModule encoder, ScriptModule decoder, Device device) {
        this.file = file;
        this.encoder = encoder;
        this.decoder = decoder;
        try (GradMode off = GradMode.off();
                NDManager scratch = NDManager.newBaseManager(device)) {
            Shape found = only(encoder.call(scratch, scratch.zeros(new Shape(1, 3, PROBE, PROBE))))
                    .getShape();
            if (found.dimension() != 4 || found.get(1) % 2 != 0 || found.get(2) < 1 || PROBE % found.get(2) != 0) {
                throw new IllegalStateException("the encoder of " + file
                        + " must return (1, 2C, h, w) for a picture of " + PROBE + " pixels but returned " + found);
            }
            channels = (int) (found.get(1) / 2);
            reduction = (int) (PROBE / found.get(2));
            Shape back = only(decoder.call(scratch, scratch.zeros(new Shape(1, channels, found.get(2), found.get(2)))))
                    .getShape();
            if (!back.equals(new Shape(1, 3, PROBE, PROBE))) {
                throw new IllegalStateException("the decoder beside " + file + " must return " + PROBE
                        + " pixels for what the encoder made of them but returned " + back);
            }
        }
    }

    /**
     * Opens two archives.
     *
     * @param encoder archive of the encoder
     * @param encoderTrust why it may run: its hash, or the word of the caller
     * @param decoder archive of the decoder
     * @param decoderTrust why it may run
     * @throws IOException if a file cannot be read, has another hash, or is no TorchScript archive
     * @throws IllegalStateException if they do not do what the contract says
     */
    public static TorchScriptAutoencoder open(
            Path encoder, ScriptTrust encoderTrust, Path decoder, ScriptTrust decoderTrust, Device device)
            throws IOException {
        ScriptModule first = ScriptModule.open(device, encoder, encoderTrust);
        ScriptModule second = null;
        try {
            second = ScriptModule.open(device, decoder, decoderTrust);
            return new TorchScriptAutoencoder(encoder, first, second, device);
        } catch (IOException | RuntimeException e) {
            first.close();
            if (second != null) {
                second.close();
            }
            throw e;
        }
    }

    @Override
    public int latentChannels() {
        return channels;
    }

    @Override
    public int reduction() {
        return reduction;
    }

    @Override
    public Path file() {
        return file;
    }

    @Override
    public LatentMoments encode(NDArray images) {
        AutoencoderInputs.requireImages(images, reduction);
        try (GradMode off = GradMode.off();
                NDManager scratch = images.getManager().newSubManager()) {
            NDArray x = scaled.callOn(scratch, images).singletonOrThrow();
            NDList both = moments.callOn(images.getManager(), only(encoder.call(scratch, x)));
            return new LatentMoments(both.get(0), both.get(1));
        }
    }

    @Override
    public NDArray decode(NDArray latents) {
        AutoencoderInputs.requireLatents(latents, channels);
        try (GradMode off = GradMode.off()) {
            return only(decoder.call(latents.getManager(), latents));
        }
    }

    private NDArray only(NDList out) {
        if (out.size() != 1 || out.get(0).getDataType() != DataType.FLOAT32) {
            int count = out.size();
            out.close();
            throw new IllegalStateException("the archives of " + file
                    + " must return one float32 tensor but one returned " + count + " values");
        }
        return out.get(0);
    }

    @Override
    public void close() {
        encoder.close();
        decoder.close();
    }
}
