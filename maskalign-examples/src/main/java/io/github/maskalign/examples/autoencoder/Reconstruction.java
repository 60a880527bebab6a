package io.github.maskalign.examples.autoencoder;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.Autoencoder.LatentMoments;
import io.github.maskalign.examples.emoji.EmojiSet;

/**
 * How well drawings come back from the means of their latents, by 8-bit values.
 *
 * @param pictures number of drawings
 * @param psnr mean over the drawings of 10 log10(255² / mean squared difference), dB
 * @param classDistance mean of 1 − cosine between the embedded teacher's class tokens before and after
 * @param patchDistance the same of its patch tokens
 */
public record Reconstruction(int pictures, double psnr, double classDistance, double patchDistance) {
    private static final int CHUNK = 64;
    private static final double LEAST_ERROR = 1e-4; // of a drawing that comes back to the bit

    /** Measures an autoencoder on the CPU. */
    static Reconstruction of(Autoencoder autoencoder, EmojiSet set, RepresentationEncoder teacher) {
        int side = set.config().size();
        int bytes = set.pictureBytes();
        double psnr = 0;
        double[] distances = new double[2];
        for (int first = 0; first < set.size(); first += CHUNK) {
            int count = Math.min(CHUNK, set.size() - first);
            byte[] before = new byte[count * bytes];
            for (int i = 0; i < count; i++) {
                set.copyInto(first + i, before, i * bytes);
            }
            try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                    GradMode off = GradMode.off()) {
                byte[] after = throughLatents(autoencoder, manager, before, new Shape(count, 3, side, side));
                for (int i = 0; i < count; i++) {
                    psnr += psnr(before, after, i * bytes, bytes);
                }
                EncoderTokens seen = encode(teacher, manager, before, count, side);
                EncoderTokens again = encode(teacher, manager, after, count, side);
                distances[0] += distance(seen.classToken(), again.classToken(), count);
                distances[1] += distance(seen.patchTokens(), again.patchTokens(), count);
            }
        }
        return new Reconstruction(set.size(), psnr / set.size(), distances[0] / set.size(), distances[1] / set.size());
    }

    private static byte[] throughLatents(Autoencoder autoencoder, NDManager manager, byte[] pixels, Shape shape) {
        LatentMoments moments = autoencoder.encode(OwnedArrays.of(manager, shape, pixels));
        float[] decoded = autoencoder.decode(moments.mean()).toFloatArray();
        byte[] out = new byte[decoded.length];
        for (int k = 0; k < out.length; k++) {
            out[k] = PixelScaling.ROUND.toByte(decoded[k]);
        }
        return out;
    }

    private static double psnr(byte[] before, byte[] after, int from, int count) {
        double squares = 0;
        for (int k = from; k < from + count; k++) {
            double difference = (before[k] & 0xFF) - (after[k] & 0xFF);
            squares += difference * difference;
        }
        return 10 * Math.log10(255.0 * 255.0 / Math.max(LEAST_ERROR, squares / count));
    }

    private static EncoderTokens encode(
            RepresentationEncoder teacher, NDManager manager, byte[] pixels, int count, int side) {
        return teacher.encode(OwnedArrays.of(manager, new Shape(count, 3, side, side), pixels));
    }

    /** Returns the mean distance of the rows of each of the pictures, summed over them. */
    private static double distance(NDArray a, NDArray b, int pictures) {
        int width = (int) a.getShape().get(a.getShape().dimension() - 1);
        float[] left = a.toFloatArray();
        float[] right = b.toFloatArray();
        double sum = 0;
        for (int row = 0; row < left.length; row += width) {
            double dot = 0;
            double leftSquares = 0;
            double rightSquares = 0;
            for (int k = row; k < row + width; k++) {
                dot += (double) left[k] * right[k];
                leftSquares += (double) left[k] * left[k];
                rightSquares += (double) right[k] * right[k];
            }
            sum += 1 - dot / Math.max(1e-12, Math.sqrt(leftSquares * rightSquares));
        }
        return sum * width * pictures / left.length;
    }
}
