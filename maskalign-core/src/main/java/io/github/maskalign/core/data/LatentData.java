package io.github.maskalign.core.data;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.data.internal.SampleBuffer;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.data.internal.SampleLayout;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.random.internal.SplitMix64;
import io.github.maskalign.core.script.internal.PackedArrays;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.FloatBuffer;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Latents of a prepared set as training data.
 *
 * <pre>z = (mean + std · n − bias) · scale,  n ~ N(0, 1) fresh at every position of the run</pre>
 *
 * <p>Scale and bias are two numbers, or two for each channel.
 *
 * <p>Pictures and tokens come along if the set has them and they are asked for. Source: REPA's {@code sample_posterior}
 * (arXiv 2410.06940); scale 0.18215 and bias 0 for Stable Diffusion's latents.
 */
public final class LatentData implements BufferedData {
    /** Samples whose tokens a thread reads with the same array. */
    private static final int TOGETHER = 8;

    private final PreparedSamples samples;
    private final Draws draws;
    private final EpochOrder order;
    private final float[] scale; // one for all channels, or one for each
    private final float[] bias;
    private final boolean images;
    private final @Nullable TokenChoice choice; // null: no tokens

    /**
     * Creates data of latents and labels alone.
     *
     * @param samples where they lie; left open
     * @param draws the run's random numbers
     * @param scale factor of the latents
     * @param bias subtracted before
     */
    public LatentData(PreparedSamples samples, Draws draws, double scale, double bias) {
        this(samples, draws, new float[] {(float) scale}, new float[] {(float) bias}, false, null);
    }

    private LatentData(
            PreparedSamples samples,
            Draws draws,
            float[] scale,
            float[] bias,
            boolean images,
            @Nullable TokenChoice choice) {
        this.samples = samples;
        this.draws = draws;
        this.scale = scale;
        this.bias = bias;
        this.images = images;
        this.choice = choice;
        order = new EpochOrder(draws, samples.size());
    }

    /**
     * Returns these data with a scale and a bias for each channel: autoencoders other than Stable Diffusion's need
     * scale = 1/deviation and bias = mean of the channel.
     *
     * @param scales factor of each channel, after the bias is subtracted
     * @param biases subtracted from each channel
     * @throws IllegalArgumentException if there are not as many as the set has channels
     */
    public LatentData withChannels(double[] scales, double[] biases) {
        int channels = samples.layout().channels();
        if (scales.length != channels || biases.length != channels) {
            throw new IllegalArgumentException(
                    "the latents have " + channels + " channels, so there must be as many scales"
                            + " and biases, but there were " + scales.length + " and " + biases.length);
        }
        return new LatentData(samples, draws, floats(scales), floats(biases), images, choice);
    }

    private static float[] floats(double[] values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }

    /**
     * Returns these data with the pictures, for an encoder.
     *
     * @throws IllegalArgumentException if the set has none
     */
    public LatentData withImages() {
        if (samples.layout().imageSide() == 0) {
            throw new IllegalArgumentException("the prepared set has no pictures for the encoder;"
                    + " prepare it with pictures, or with the encoder's tokens");
        }
        return new LatentData(samples, draws, scale, bias, true, choice);
    }

    /**
     * Returns these data with the encoder's tokens.
     *
     * @param which which of them are read
     * @throws IllegalArgumentException if the set has none
     */
    public LatentData withTokens(TokenChoice which) {
        if (samples.layout().tokens() == 0) {
            throw new IllegalArgumentException(
                    "the prepared set has no encoder tokens; prepare it with an encoder, or encode while training");
        }
        return new LatentData(samples, draws, scale, bias, images, which);
    }

    @Override
    public long size() {
        return samples.size();
    }

    @Override
    public int tokenWidth() {
        return choice == null ? 0 : samples.layout().tokenWidth();
    }

    @Override
    public int classes() {
        return samples.classes();
    }

    private int label(int index) {
        int label = samples.label(index);
        if (label < 0 || label >= samples.classes()) {
            throw new IllegalArgumentException("the label of sample " + index + " (" + samples.name(index)
                    + ") must be in [0, " + (samples.classes() - 1) + "] but was " + label);
        }
        return label;
    }

    /** {@inheritDoc} @throws UncheckedIOException if a shard cannot be read */
    @Override
    public SampleBuffer read(long first, int count) {
        SampleBuffer buffer = readAllBut(first, count);
        if (choice == null) {
            return buffer;
        }
        Tokens tokens = tokens(choice, first, count);
        float[] values = new float[BufferedData.values(count, tokens.each)];
        tokens.read(FloatBuffer.wrap(values));
        return buffer.withTokens(values, tokens.shape());
    }

    /**
     * {@inheritDoc} The tokens, most of the bytes, are read into the block itself.
     *
     * @throws UncheckedIOException if a shard cannot be read; packing throws it too
     */
    @Override
    public Shape addTo(PackedArrays.Builder block, long first, int count) {
        SampleBuffer buffer = readAllBut(first, count);
        buffer.addTo(block);
        if (choice != null) {
            Tokens tokens = tokens(choice, first, count);
            BufferedData.values(count, tokens.each); // refuses a batch that is too large
            block.add("tokens", tokens.shape(), tokens::read);
        }
        return buffer.latentShape();
    }

    /** Reads all but the tokens. */
    private SampleBuffer readAllBut(long first, int count) {
        SampleLayout layout = samples.layout();
        int values = layout.momentValues() / 2;
        float[] latents = new float[BufferedData.values(count, values)];
        long[] labels = new long[count];
        byte[] pixels = new byte[images ? BufferedData.values(count, layout.imageBytes()) : 0];
        IntStream.range(0, count).parallel().forEach(i -> {
            int index = order.indexAt(first + i);
            labels[i] = label(index);
            reading(index, () -> {
                latent(index, first + i, latents, i * values);
                if (images) {
                    samples.readImage(index, pixels, i * layout.imageBytes());
                }
            });
        });
        SampleBuffer buffer = new SampleBuffer(latents, new Shape(count).addAll(layout.latentShape()), labels);
        return images ? buffer.withImages(pixels, new Shape(count, 3, layout.imageSide(), layout.imageSide())) : buffer;
    }

    private Tokens tokens(TokenChoice of, long first, int count) {
        int[][] rows = of.rows(first, count).orElse(null);
        int chosen = rows == null ? samples.layout().tokens() : rows[0].length;
        return new Tokens(
                first,
                count,
                rows,
                chosen,
                Math.multiplyExact(chosen, samples.layout().tokenWidth()));
    }

    /** The tokens of a batch: which, and how many numbers those of a sample have. */
    private final class Tokens {
        private final long first;
        private final int count;
        private final int @Nullable [][] rows;
        private final int chosen;
        private final int each;

        Tokens(long first, int count, int @Nullable [][] rows, int chosen, int each) {
            this.first = first;
            this.count = count;
            this.rows = rows;
            this.chosen = chosen;
            this.each = each;
        }

        Shape shape() {
            return new Shape(count, chosen, samples.layout().tokenWidth());
        }

        /** Reads those of all samples, some samples at a time for each thread. */
        void read(FloatBuffer target) {
            IntStream.range(0, (count + TOGETHER - 1) / TOGETHER).parallel().forEach(part -> {
                float[] one = new float[each];
                for (int i = part * TOGETHER; i < Math.min(count, (part + 1) * TOGETHER); i++) {
                    int[] wanted = rows == null ? null : rows[i];
                    int index = order.indexAt(first + i);
                    reading(index, () -> {
                        if (wanted == null) {
                            samples.readTokens(index, one, 0);
                        } else {
                            samples.readTokens(index, wanted, one, 0);
                        }
                    });
                    target.put(i * each, one);
                }
            });
        }
    }

    @FunctionalInterface
    private interface Reading {
        void run() throws IOException;
    }

    private void reading(int index, Reading reading) {
        try {
            reading.run();
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "sample " + index + " (" + samples.name(index) + ") cannot be read: " + e.getMessage(), e);
        }
    }

    private void latent(int index, long position, float[] target, int from) throws IOException {
        float[] moments = new float[samples.layout().momentValues()];
        samples.readMoments(index, moments, 0);
        SplitMix64 random = draws.at(RandomStream.POSTERIOR, position);
        int values = moments.length / 2;
        int together = values / scale.length; // values that share a scale and a bias
        for (int k = 0; k < values; k++) {
            float z = moments[k] + moments[values + k] * (float) random.nextGaussian();
            target[from + k] = (z - bias[k / together]) * scale[k / together];
        }
    }

    /** Which encoder tokens training will look at, where that is known before the samples are read. */
    @FunctionalInterface
    public interface TokenChoice {
        /** All tokens of all samples. */
        TokenChoice ALL = (first, count) -> Optional.empty();

        /**
         * Chooses tokens.
         *
         * @param first position of the first sample in the run's stream
         * @param count number of samples
         * @return for each sample the same number of different indices among its 1+T tokens, of which 0 is the class token;
         *     empty for all tokens in order
         */
        Optional<int[][]> rows(long first, int count);
    }
}
