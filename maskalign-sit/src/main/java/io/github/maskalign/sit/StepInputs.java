package io.github.maskalign.sit;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenSubset;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.data.internal.PreparingData;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.data.internal.SampleBuffer.SampleRange;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.internal.Ahead;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.script.internal.PackedArrays;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The samples of a batch and every random number that its loss needs, brought to the device together.
 *
 * <p>Where the data have a thread that reads ahead and it is known what follows, that thread draws and packs too, and the
 * thread that trains only begins a copy. All numbers are functions of the position, so it makes no difference to them.
 */
final class StepInputs {
    private final TrainingData data;
    private final SiTConfig config;
    private final Interpolant path;
    private final DiffusionConfig times;
    private final TokenSubsetSampler subsets;
    private final Device device;
    private @Nullable Ahead<Place, PackedArrays> prepared;

    /** Samples of a step: numbers of subsets depend on both. */
    private record Place(long step, SampleRange samples) {}

    /**
     * Creates the inputs of a loss.
     *
     * @param times how training times are drawn, on the path of the loss
     * @param subsets draws the kept tokens; its random numbers are the run's
     * @param device where the loss is computed
     */
    StepInputs(TrainingData data, SiTLoss loss, DiffusionConfig times, TokenSubsetSampler subsets, Device device) {
        this.data = data;
        this.config = loss.model().config();
        this.path = loss.path();
        this.times = times;
        this.subsets = subsets;
        this.device = device;
    }

    /** From now on prepares what a process computes next, if the data have a thread for it. */
    void follow(BatchPlan plan) {
        if (prepared != null) {
            prepared.forget();
        }
        if (data instanceof PreparingData source) {
            BufferedData samples = source.source().orElse(null);
            prepared = source.preparing(new Ahead.Source<>(
                    place -> {
                        SampleRange next = plan.after(place.samples);
                        return Optional.of(new Place(next.first() / plan.globalBatch(), next));
                    },
                    place -> pack(place, samples),
                    PackedArrays::close));
        }
    }

    /**
     * Returns the arrays of a batch by name: {@code latents}, {@code labels}, {@code noise} and {@code t}; {@code images},
     * {@code tokens}, {@code classNoise}, {@code keep}, {@code dropped}, {@code maskedNoise}, {@code maskedDropped}, {@code
     * pathDropped}, {@code teacherTime} and {@code posterior} if data and model have them.
     *
     * @param owner owner of the arrays
     */
    Map<String, NDArray> of(NDManager owner, long step, long first, int count) {
        Place place = new Place(step, new SampleRange(first, count));
        Map<String, NDArray> arrays;
        try (PackedArrays packed = prepared == null
                ? pack(place, data instanceof BufferedData samples ? samples : null)
                : prepared.get(place)) {
            arrays = packed.unpack(owner);
        }
        if (!arrays.containsKey("latents")) { // samples that come as arrays
            TrainingBatch batch = data.batch(owner, first, count);
            put(arrays, "latents", batch.latents());
            put(arrays, "labels", batch.labels());
            put(arrays, "images", batch.images());
            put(arrays, "tokens", batch.tokens());
        }
        return arrays;
    }

    private static void put(Map<String, NDArray> arrays, String name, @Nullable NDArray array) {
        if (array != null) {
            arrays.put(name, array);
        }
    }

    /** Draws all numbers of a batch and packs them, with the samples if they can be read. */
    private PackedArrays pack(Place place, @Nullable BufferedData samples) {
        SampleRange range = place.samples;
        int side = config.model().inputSize();
        Shape latents = new Shape(range.count(), config.latentChannels(), side, side);
        PackedArrays.Builder block = PackedArrays.builder();
        if (samples != null) {
            latents = samples.addTo(block, range.first(), range.count());
        }
        draw(block, place, FeatureGroup.shape(config, latents));
        return block.pack(device);
    }

    private void draw(PackedArrays.Builder block, Place place, Shape latents) {
        Draws draws = subsets.draws();
        long first = place.samples.first();
        int count = place.samples.count();
        Shape each = new Shape(count);
        int values = Math.toIntExact(latents.size() / count);
        float[] t = times.draw(draws, path, values, first, count);
        block.add("noise", latents, draws.normal(RandomStream.NOISE, first, count, values));
        block.add("t", each, t);
        Optional<TokenSubset> keep = subsets.draw(place.step, first, count, config.tokens());
        boolean twice = config.subset().placement() == SubsetPlacement.MASKED_PASS;
        if (twice && keep.isPresent()) {
            block.add("maskedNoise", latents, draws.normal(RandomStream.MASKED_NOISE, first, count, values));
            double probability = config.model().classDropoutProb();
            drop(block, "maskedDropped", RandomStream.MASKED_LABEL_DROP, probability, place.samples);
        }
        keep.ifPresent(subset -> block.add("keep", new Shape(count, subset.kept()), subset.keep()));
        int width = config.classTokenWidth();
        if (width > 0) {
            block.add(
                    "classNoise", new Shape(count, width), draws.normal(RandomStream.CLASS_NOISE, first, count, width));
        }
        if (config.terms().endToEnd().isPresent()) {
            block.add("posterior", latents, draws.normal(RandomStream.POSTERIOR, first, count, values));
        }
        drop(block, "dropped", RandomStream.LABEL_DROP, config.model().classDropoutProb(), place.samples);
        if (config.subset().placement() == SubsetPlacement.SPARSE) {
            drop(
                    block,
                    "pathDropped",
                    RandomStream.PATH_DROP,
                    config.subset().sparse().pathDrop(),
                    place.samples);
        }
        config.terms().selfAlign().ifPresent(term -> {
            float[] u = draws.uniform(RandomStream.TEACHER_TIME, first, count);
            block.add("teacherTime", each, SelfTeacher.earlier(t, u, term));
        });
    }

    /** Adds 1 for each sample that is dropped and 0 for the others; nothing if none ever is. */
    private void drop(
            PackedArrays.Builder block, String name, RandomStream stream, double probability, SampleRange samples) {
        if (probability == 0) {
            return;
        }
        float[] u = subsets.draws().uniform(stream, samples.first(), samples.count());
        for (int i = 0; i < u.length; i++) {
            u[i] = u[i] < probability ? 1 : 0;
        }
        block.add(name, new Shape(u.length), u);
    }

    /** Returns an array that every batch has. */
    static NDArray required(Map<String, NDArray> arrays, String name) {
        return Objects.requireNonNull(arrays.get(name), name);
    }
}
