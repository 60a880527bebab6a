package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.data.internal.PictureEncoder;
import io.github.maskalign.core.data.internal.SampleLayout;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.Autoencoder.LatentMoments;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Latents by an autoencoder, and tokens by an encoder if there is one. */
final class AutoencoderPictures implements PictureEncoder {
    private final Autoencoder autoencoder;
    private final @Nullable RepresentationEncoder encoder;
    private final NDManager manager;
    private final int side;
    private final SampleLayout layout;
    private final Map<String, String> settings;

    /**
     * Joins the two; both are closed with this.
     *
     * @param side side of the pictures in pixels
     * @param settings what the numbers depend on, such as the hashes of the weights
     */
    AutoencoderPictures(
            Autoencoder autoencoder,
            @Nullable RepresentationEncoder encoder,
            Device device,
            int side,
            PrepareRun.Storage storage,
            Map<String, String> settings) {
        if (side % autoencoder.reduction() != 0) {
            throw new IllegalArgumentException("pictures must have a side that is a multiple of "
                    + autoencoder.reduction() + " for this autoencoder but would have " + side);
        }
        this.autoencoder = autoencoder;
        this.encoder = encoder;
        this.side = side;
        this.settings = new TreeMap<>(settings);
        manager = NDManager.newBaseManager(device);
        layout = new SampleLayout(
                autoencoder.latentChannels(),
                side / autoencoder.reduction(),
                storage.moments(),
                storage.images() ? side : 0,
                encoder == null ? 0 : 1 + encoder.tokens(side),
                encoder == null ? 0 : encoder.width(),
                storage.tokens());
    }

    @Override
    public SampleLayout layout() {
        return layout;
    }

    @Override
    public Map<String, String> settings() {
        return settings;
    }

    @Override
    public List<Encoded> encode(List<byte[]> pictures) {
        int count = pictures.size();
        int values = 3 * side * side;
        byte[] all = new byte[count * values];
        for (int i = 0; i < count; i++) {
            System.arraycopy(pictures.get(i), 0, all, i * values, values);
        }
        try (GradMode off = GradMode.off();
                NDManager scratch = manager.newSubManager()) {
            NDArray images = OwnedArrays.of(scratch, new Shape(count, 3, side, side), all);
            LatentMoments moments = autoencoder.encode(images);
            float[] mean = moments.mean().toFloatArray();
            float[] std = moments.std().toFloatArray();
            EncoderTokens tokens = encoder == null ? null : encoder.encode(images);
            float[] classes =
                    tokens == null ? new float[0] : tokens.classToken().toFloatArray();
            float[] patches =
                    tokens == null ? new float[0] : tokens.patchTokens().toFloatArray();
            List<Encoded> out = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                out.add(new Encoded(
                        joined(part(mean, i, count), part(std, i, count)),
                        tokens == null ? null : joined(part(classes, i, count), part(patches, i, count))));
            }
            return out;
        }
    }

    private static float[] part(float[] all, int index, int count) {
        int length = all.length / count;
        return Arrays.copyOfRange(all, index * length, (index + 1) * length);
    }

    private static float[] joined(float[] first, float[] second) {
        float[] out = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, out, first.length, second.length);
        return out;
    }

    @Override
    public void close() {
        manager.close();
        autoencoder.close();
        if (encoder != null) {
            encoder.close();
        }
    }
}
