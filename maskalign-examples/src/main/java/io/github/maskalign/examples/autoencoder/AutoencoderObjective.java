package io.github.maskalign.examples.autoencoder;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.random.internal.SplitMix64;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.Objective.StepLosses;
import io.github.maskalign.encoders.vae.TrainablePatchAutoencoder;
import io.github.maskalign.examples.emoji.EmojiSet;
import java.util.LinkedHashMap;
import java.util.Map;

/** The autoencoder's loss on drawings of a set, half of them mirrored, by position in the run's stream. */
final class AutoencoderObjective implements Objective {
    private final EmojiSet pictures;
    private final Draws draws;
    private final EpochOrder order;
    private final TrainablePatchAutoencoder autoencoder;

    /** Makes fresh weights, drawn from the engine's generator as the run's seed says. */
    AutoencoderObjective(AutoencoderConfig config, EmojiSet pictures, NDManager manager) {
        this.pictures = pictures;
        draws = new Draws(config.seed());
        order = new EpochOrder(draws, pictures.size());
        manager.getEngine().setRandomSeed(Math.floorMod(config.seed(), Integer.MAX_VALUE));
        autoencoder = new TrainablePatchAutoencoder(config.weighting(), manager);
    }

    @Override
    public Map<String, Parameter> parameters() {
        return autoencoder.parameters();
    }

    @Override
    public StepLosses loss(NDManager scratch, long step, long firstPosition, int count) {
        int side = pictures.config().size();
        int bytes = pictures.pictureBytes();
        Shape latent = TrainablePatchAutoencoder.latentShape(side);
        int values = Math.toIntExact(latent.size());
        byte[] pixels = new byte[Math.multiplyExact(count, bytes)];
        float[] noise = new float[Math.multiplyExact(count, values)];
        for (int i = 0; i < count; i++) {
            long position = firstPosition + i;
            pictures.copyInto(order.indexAt(position), pixels, i * bytes);
            if (draws.at(RandomStream.AUGMENT, position).nextInt(2) == 1) {
                mirror(pixels, i * bytes, side);
            }
            SplitMix64 random = draws.at(RandomStream.POSTERIOR, position);
            for (int k = 0; k < values; k++) {
                noise[i * values + k] = (float) random.nextGaussian();
            }
        }
        TrainablePatchAutoencoder.Losses losses = autoencoder.losses(
                OwnedArrays.of(scratch, new Shape(count, 3, side, side), pixels),
                OwnedArrays.of(scratch, new Shape(count).addAll(latent), noise));
        Map<String, NDArray> parts = new LinkedHashMap<>();
        parts.put("pixel", losses.pixel());
        parts.put("edge", losses.edge());
        parts.put("half", losses.half());
        parts.put("kl", losses.kl());
        return new StepLosses(losses.total(), parts);
    }

    /** Swaps left and right of the picture (3, side, side) that begins at {@code from}. */
    static void mirror(byte[] pixels, int from, int side) {
        for (int row = from; row < from + 3 * side * side; row += side) {
            for (int left = row, right = row + side - 1; left < right; left++, right--) {
                byte kept = pixels[left];
                pixels[left] = pixels[right];
                pixels[right] = kept;
            }
        }
    }
}
