package io.github.maskalign.examples.autoencoder;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.Autoencoder.LatentMoments;
import io.github.maskalign.examples.emoji.EmojiSet;

/**
 * Mean and deviation of the latents of a set by channel, over pictures and places, the posterior's own variance included.
 *
 * @param mean of each channel
 * @param std of each channel
 */
record LatentStatistics(double[] mean, double[] std) {
    private static final int CHUNK = 64;

    static LatentStatistics of(Autoencoder autoencoder, EmojiSet set) {
        int channels = autoencoder.latentChannels();
        int side = set.config().size();
        int plane = side / autoencoder.reduction() * (side / autoencoder.reduction());
        double[] sum = new double[channels];
        double[] squares = new double[channels];
        for (int first = 0; first < set.size(); first += CHUNK) {
            int count = Math.min(CHUNK, set.size() - first);
            byte[] pixels = new byte[count * set.pictureBytes()];
            for (int i = 0; i < count; i++) {
                set.copyInto(first + i, pixels, i * set.pictureBytes());
            }
            try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                    GradMode off = GradMode.off();
                    LatentMoments moments =
                            autoencoder.encode(OwnedArrays.of(manager, new Shape(count, 3, side, side), pixels))) {
                float[] means = moments.mean().toFloatArray();
                float[] stds = moments.std().toFloatArray();
                for (int k = 0; k < means.length; k++) {
                    int c = k / plane % channels;
                    sum[c] += means[k];
                    squares[c] += (double) means[k] * means[k] + (double) stds[k] * stds[k];
                }
            }
        }
        double numbers = (double) set.size() * plane;
        double[] mean = new double[channels];
        double[] std = new double[channels];
        for (int c = 0; c < channels; c++) {
            mean[c] = sum[c] / numbers;
            std[c] = Math.sqrt(squares[c] / numbers - mean[c] * mean[c]);
        }
        return new LatentStatistics(mean, std);
    }
}
