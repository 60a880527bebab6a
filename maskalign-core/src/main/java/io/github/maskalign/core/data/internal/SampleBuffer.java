package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.ReadAheadData;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.script.internal.PackedArrays;
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

    /** Adds the samples to a block, under the names of {@link TrainingBatch}'s arrays. */
    public void addTo(PackedArrays.Builder block) {
        block.add("latents", latentShape, latents).add("labels", new Shape(labels.length), labels);
        if (images != null && imageShape != null) {
            block.add("images", imageShape, images);
        }
        if (tokens != null && tokenShape != null) {
            block.add("tokens", tokenShape, tokens);
        }
    }

    /** Returns the shape of the latents (N, C, H, W). */
    public Shape latentShape() {
        return latentShape;
    }

    private static void requireFit(String what, Shape shape, int values, int samples) {
        if (shape.dimension() == 0 || shape.get(0) != samples || shape.size() != values) {
            throw new IllegalArgumentException(
                    what + " must be " + samples + " rows of shape " + shape + " but there are " + values + " values");
        }
    }

    /**
     * Training samples that can be read without the engine, so that {@link ReadAheadData} may do it on another thread.
     */
    public interface BufferedData extends TrainingData {
        /**
         * Reads the samples at positions {@code [first, first + count)}; the same positions always give the same samples.
         *
         * <p>Called from one thread at a time, which need not be the one that trains.
         */
        SampleBuffer read(long first, int count);

        /**
         * Reads the same samples into a block, under the names of {@link TrainingBatch}'s arrays; some of them not before the
         * block is packed, on the same thread.
         *
         * @return the shape of the latents (N, C, H, W)
         */
        default Shape addTo(PackedArrays.Builder block, long first, int count) {
            SampleBuffer read = read(first, count);
            read.addTo(block);
            return read.latentShape();
        }

        /**
         * Returns how many numbers a batch has.
         *
         * @param each numbers of one sample
         * @throws IllegalArgumentException if they are more than an array can have
         */
        static int values(int count, int each) {
            long all = (long) count * each;
            if (all > Integer.MAX_VALUE) {
                throw new IllegalArgumentException("a batch must have at most " + Integer.MAX_VALUE + " numbers but "
                        + count + " samples of " + each + " are more; choose a smaller batch or more accumulation");
            }
            return (int) all;
        }

        @Override
        default TrainingBatch batch(NDManager manager, long first, int count) {
            return read(first, count).toBatch(manager);
        }
    }

    /**
     * Neighbouring samples of a run's stream.
     *
     * @param first position of the first, at least 0
     * @param count how many, at least 1
     */
    public record SampleRange(long first, int count) {
        public SampleRange {
            if (first < 0 || count < 1) {
                throw new IllegalArgumentException(
                        "a range must begin at 0 or later and have a sample but was " + count + " from " + first);
            }
        }

        /** Returns the range of the same size that follows without a gap. */
        public SampleRange next() {
            return new SampleRange(first + count, count);
        }
    }
}
