package io.github.maskalign.examples.bench;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;

/** A few batches of random latents that repeat; never zeros, which some hardware multiplies faster. */
final class RandomData implements TrainingData {
    private static final int POOL = 4;

    private final Shape sample;
    private final int classes;
    private final float[][] latents = new float[POOL][];

    RandomData(Shape sample, int classes, int batch, long seed) {
        this.sample = sample;
        this.classes = classes;
        Draws draws = new Draws(seed);
        for (int i = 0; i < POOL; i++) {
            latents[i] = draws.normal(RandomStream.NOISE, (long) i * batch, batch, Math.toIntExact(sample.size()));
        }
    }

    @Override
    public long size() {
        return POOL;
    }

    @Override
    public TrainingBatch batch(NDManager manager, long first, int count) {
        Shape shape = new Shape(count).addAll(sample);
        long[] labels = new long[count];
        for (int i = 0; i < count; i++) {
            labels[i] = (first + i) % classes;
        }
        float[] values = latents[(int) (first / count % POOL)];
        byte[] noPictures = new byte[count];
        return new TrainingBatch(
                OwnedArrays.of(manager, shape, values),
                OwnedArrays.of(manager, new Shape(count), labels),
                OwnedArrays.of(manager, new Shape(count, 1, 1, 1), noPictures),
                null);
    }
}
