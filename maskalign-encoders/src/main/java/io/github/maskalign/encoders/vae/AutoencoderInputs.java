package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

/** What every autoencoder asks of its inputs. */
final class AutoencoderInputs {
    private AutoencoderInputs() {}

    static void requireImages(NDArray images, int reduction) {
        Shape shape = images.getShape();
        boolean fits = shape.dimension() == 4
                && shape.get(1) == 3
                && shape.get(2) % reduction == 0
                && shape.get(3) % reduction == 0
                && shape.get(2) > 0
                && shape.get(3) > 0;
        if (!fits || images.getDataType() != DataType.UINT8) {
            throw new IllegalArgumentException("pictures must be uint8 (N, 3, H, W) with sides that are multiples of "
                    + reduction + " but were " + images.getDataType() + " " + shape);
        }
    }

    static void requireLatents(NDArray latents, int channels) {
        Shape shape = latents.getShape();
        if (shape.dimension() != 4 || shape.get(1) != channels || latents.getDataType() != DataType.FLOAT32) {
            throw new IllegalArgumentException("latents must be float32 (N, " + channels + ", h, w) but were "
                    + latents.getDataType() + " " + shape);
        }
    }
}
