package io.github.maskalign.core.data;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.io.OwnedArrays;
import org.jspecify.annotations.Nullable;

/**
 * Samples as Java arrays: all of a {@link TrainingBatch} that any thread can prepare without the engine.
 *
 * <p>The arrays are not copied and must not change afterwards.
 */
public final class SampleBuffer {
    private final float[] latents;
    private final Shape latentShape;
    private final long[] labels;
    private final byte @Nullable [] images;
    private final @Nullable Shape imageShape;

    /**
     * Creates the buffer.
     *
     * @param latents clean latents in the model's scale, row-major
     * @param latentShape (N, C, H, W)
     * @param labels classes (N)
     * @param images pictures as bytes, row-major; null if there are none
     * @param imageShape (N, 3, H', W'); null exactly if there are no pictures
     * @throws IllegalArgumentException if sizes do not fit
     */
    public SampleBuffer(
            float[] latents, Shape latentShape, long[] labels, byte @Nullable [] images, @Nullable Shape imageShape) {
        requireFit("latents", latentShape, latents.length, labels.length);
        if ((images == null) != (imageShape == null)) {
            throw new IllegalArgumentException("pictures and their shape must be given together");
        }
        if (images != null && imageShape != null) {
            requireFit("images", imageShape, images.length, labels.length);
        }
        this.latents = latents;
        this.latentShape = latentShape;
        this.labels = labels;
        this.images = images;
        this.imageShape = imageShape;
    }

    /** Returns the samples as arrays of this manager, which own their memory. */
    public TrainingBatch toBatch(NDManager manager) {
        return new TrainingBatch(
                OwnedArrays.of(manager, latentShape, latents),
                OwnedArrays.of(manager, new Shape(labels.length), labels),
                images == null || imageShape == null ? null : OwnedArrays.of(manager, imageShape, images));
    }

    private static void requireFit(String what, Shape shape, int values, int samples) {
        if (shape.dimension() == 0 || shape.get(0) != samples || shape.size() != values) {
            throw new IllegalArgumentException(
                    what + " must be " + samples + " rows of shape " + shape + " but there are " + values + " values");
        }
    }
}
