package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.encoders.vae.Autoencoder.LatentScaling;
import java.util.Arrays;

/**
 * Decodes latents to bytes in bounded memory: some pictures at a time, and large ones in overlapping tiles.
 *
 * <p>Tiles are decoded apart and joined with weights that fall linearly to their edges, so neighbouring tiles fade into
 * each other. The result differs from decoding at once, because norms and the attention of the middle see a tile
 * instead of the picture; latents no larger than a tile are decoded at once.
 */
public final class TiledDecoder {
    private final Autoencoder autoencoder;
    private final LatentScaling scaling;
    private final PixelScaling pixels;
    private final int batch;
    private final int tile;

    /**
     * Creates the decoder.
     *
     * @param autoencoder decodes; left open
     * @param scaling from the model's latents to the autoencoder's
     * @param pixels how values become bytes
     * @param batch pictures or tiles decoded together, at least 1
     * @param tile side of a tile in latent pixels, at least 4; larger latents are cut
     */
    public TiledDecoder(Autoencoder autoencoder, LatentScaling scaling, PixelScaling pixels, int batch, int tile) {
        if (batch < 1 || tile < 4) {
            throw new IllegalArgumentException(
                    "batch must be at least 1 and tile at least 4 but were " + batch + " and " + tile);
        }
        this.autoencoder = autoencoder;
        this.scaling = scaling;
        this.pixels = pixels;
        this.batch = batch;
        this.tile = tile;
    }

    /**
     * Decodes latents of the model.
     *
     * @param latents (N, C, h, w), float32
     * @return bytes (N, 3, H, W), row-major
     */
    public byte[] decode(NDArray latents) {
        Shape shape = latents.getShape();
        int r = autoencoder.reduction();
        int height = Math.toIntExact(shape.get(2) * r);
        int width = Math.toIntExact(shape.get(3) * r);
        int values = Math.multiplyExact(3, Math.multiplyExact(height, width));
        byte[] out = new byte[Math.multiplyExact(Math.toIntExact(shape.get(0)), values)];
        boolean whole = shape.get(2) <= tile && shape.get(3) <= tile;
        int together = whole ? batch : 1;
        for (int first = 0; first < shape.get(0); first += together) {
            int last = (int) Math.min(shape.get(0), first + together);
            try (NDManager scratch = latents.getManager().newSubManager()) {
                NDArray part = latents.get(first + ":" + last);
                part.attach(scratch);
                NDArray some = scaling.fromModel(part);
                float[] decoded = whole ? autoencoder.decode(some).toFloatArray() : tiles(some, height, width);
                for (int k = 0; k < decoded.length; k++) {
                    out[first * values + k] = pixels.toByte(decoded[k]);
                }
            }
        }
        return out;
    }

    /** One picture (1, C, h, w) from overlapping tiles. */
    private float[] tiles(NDArray latent, int height, int width) {
        int r = autoencoder.reduction();
        float[] sum = new float[3 * height * width];
        float[] weight = new float[height * width];
        for (int top : starts((int) latent.getShape().get(2))) {
            for (int left : starts((int) latent.getShape().get(3))) {
                int bottom = (int) Math.min(latent.getShape().get(2), top + tile);
                int right = (int) Math.min(latent.getShape().get(3), left + tile);
                float[] part;
                try (NDManager scratch = latent.getManager().newSubManager()) {
                    NDArray piece = latent.get(":, :, " + top + ":" + bottom + ", " + left + ":" + right);
                    piece.attach(scratch);
                    part = autoencoder.decode(owned(scratch, piece)).toFloatArray();
                }
                add(
                        part,
                        sum,
                        weight,
                        new Area(top * r, left * r, (bottom - top) * r, (right - left) * r, height, width));
            }
        }
        for (int c = 0; c < 3; c++) {
            for (int k = 0; k < weight.length; k++) {
                sum[c * weight.length + k] /= weight[k];
            }
        }
        return sum;
    }

    private static NDArray owned(NDManager manager, NDArray piece) {
        return piece.getDataType() == DataType.FLOAT32
                ? OwnedArrays.of(manager, piece.getShape(), piece.toFloatArray())
                : piece;
    }

    /** A tile within the picture, in pixels. */
    private record Area(int top, int left, int height, int width, int pictureHeight, int pictureWidth) {}

    private static void add(float[] part, float[] sum, float[] weight, Area area) {
        float[] down = ramp(area.height());
        float[] across = ramp(area.width());
        int plane = area.pictureHeight() * area.pictureWidth();
        for (int y = 0; y < area.height(); y++) {
            for (int x = 0; x < area.width(); x++) {
                float w = down[y] * across[x];
                int at = (area.top() + y) * area.pictureWidth() + area.left() + x;
                weight[at] += w;
                for (int c = 0; c < 3; c++) {
                    sum[c * plane + at] += w * part[(c * area.height() + y) * area.width() + x];
                }
            }
        }
    }

    /** Rises from the edge to the middle and falls again. */
    private static float[] ramp(int length) {
        float[] out = new float[length];
        for (int i = 0; i < length; i++) {
            out[i] = Math.min(i + 1, length - i);
        }
        return out;
    }

    /** Where tiles begin: half a tile apart, the last one at the end. */
    private int[] starts(int length) {
        if (length <= tile) {
            return new int[] {0};
        }
        int step = tile / 2;
        int count = (length - tile + step - 1) / step + 1;
        int[] out = new int[count];
        Arrays.setAll(out, i -> Math.min(i * step, length - tile));
        return out;
    }
}
