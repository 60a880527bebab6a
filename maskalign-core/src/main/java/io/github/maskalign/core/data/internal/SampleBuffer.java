package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.files.internal.OwnedArrays;
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
    private final float @Nullable [] tokens;
    private final @Nullable Shape tokenShape;

    /**
     * Creates a buffer without pictures and tokens.
     *
     * @param latents clean latents in the model's scale, row-major
     * @param latentShape (N, C, H, W)
     * @param labels classes (N)
     * @throws IllegalArgumentException if sizes do not fit
     */
    public SampleBuffer(float[] latents, Shape latentShape, long[] labels) {
        this(latents, latentShape, labels, null, null, null, null);
    }

    private SampleBuffer(
            float[] latents,
            Shape latentShape,
            long[] labels,
            byte @Nullable [] images,
            @Nullable Shape imageShape,
            float @Nullable [] tokens,
            @Nullable Shape tokenShape) {
        requireFit("latents", latentShape, latents.length, labels.length);
        if (images != null && imageShape != null) {
            requireFit("images", imageShape, images.length, labels.length);
        }
        if (tokens != null && tokenShape != null) {
            requireFit("tokens", tokenShape, tokens.length, labels.length);
        }
        this.latents = latents;
        this.latentShape = latentShape;
        this.labels = labels;
        this.images = images;
        this.imageShape = imageShape;
        this.tokens = tokens;
        this.tokenShape = tokenShape;
    }

    /** Returns the samples with their pictures as bytes (N, 3, H', W'), row-major. */
    public SampleBuffer withImages(byte[] bytes, Shape shape) {
        return new SampleBuffer(latents, latentShape, labels, bytes, shape, tokens, tokenShape);
    }

    /** Returns the samples with their encoder tokens (N, 1+T, Z) or those chosen of them (N, K, Z), row-major. */
    public SampleBuffer withTokens(float[] values, Shape shape) {
        return new SampleBuffer(latents, latentShape, labels, images, imageShape, values, shape);
    }

    /** Returns the samples as arrays of this manager, which own their memory. */
    public TrainingBatch toBatch(NDManager manager) {
        return new TrainingBatch(
                OwnedArrays.of(manager, latentShape, latents),
                OwnedArrays.of(manager, new Shape(labels.length), labels),
                images == null || imageShape == null ? null : OwnedArrays.of(manager, imageShape, images),
                tokens == null || tokenShape == null ? null : OwnedArrays.of(manager, tokenShape, tokens));
    }

    private static void requireFit(String what, Shape shape, int values, int samples) {
        if (shape.dimension() == 0 || shape.get(0) != samples || shape.size() != values) {
            throw new IllegalArgumentException(
                    what + " must be " + samples + " rows of shape " + shape + " but there are " + values + " values");
        }
    }
}
