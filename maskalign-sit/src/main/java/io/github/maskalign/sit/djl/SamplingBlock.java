package io.github.maskalign.sit.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.sample.SampleRequest;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.encoders.vae.TiledDecoder;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import java.util.function.Function;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * A trained SiT with its sampler: labels (N) and picture numbers (N), int64, to latents (N, C, H, W), float32, or with a
 * decoder to pictures (N, 3, H', W'), uint8.
 */
final class SamplingBlock extends AbstractBlock {
    private static final byte VERSION = 1;

    private final SiT sit;
    private final Function<ParameterStore, VelocityField> field;
    private final Sampler sampler;
    private final Draws draws;
    private final @Nullable Decoding decoding;

    @SuppressWarnings("this-escape")
    SamplingBlock(
            SiT sit,
            Function<ParameterStore, VelocityField> field,
            Sampler sampler,
            Draws draws,
            @Nullable Decoding decoding) {
        super(VERSION);
        this.sit = addChildBlock("sit", sit);
        this.field = field;
        this.sampler = sampler;
        this.draws = draws;
        this.decoding = decoding;
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        NDManager owner = inputs.head().getManager();
        SiTConfig config = sit.config();
        long[] labels = inputs.get(0).toLongArray();
        for (long label : labels) {
            if (label < 0 || label >= config.model().numClasses()) {
                throw new IllegalArgumentException(
                        "classes must be in [0, " + (config.model().numClasses() - 1) + "] but one was " + label);
            }
        }
        SampleRequest request = new SampleRequest(0, labels, latentShape(), config.classTokenWidth());
        NoiseSource noise = new NumberedNoise(draws, inputs.get(1).toLongArray());
        try (GradMode inference = GradMode.off();
                NDManager scratch = owner.newSubManager()) {
            NDList drawn = sampler.sample(scratch, field.apply(store), request, noise);
            NDArray all = drawn.get(0).toType(DataType.FLOAT32, false); // the sampler's states are float64
            NDArray latents = config.featureChannels() == 0 ? all : all.get(":, :" + config.latentChannels());
            if (decoding == null) {
                latents.attach(owner);
                return new NDList(latents);
            }
            Shape pictures = new Shape(labels.length, 3, decoding.side, decoding.side);
            return new NDList(OwnedArrays.of(owner, pictures, decoding.tiles.decode(latents)));
        }
    }

    private Shape latentShape() {
        int side = sit.config().model().inputSize();
        return new Shape(sit.config().model().inChannels(), side, side);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape latent = latentShape();
        Shape one = decoding == null
                ? new Shape(sit.config().latentChannels(), latent.get(1), latent.get(2))
                : new Shape(3, decoding.side, decoding.side);
        return new Shape[] {new Shape(inputShapes[0].get(0)).addAll(one)};
    }

    /**
     * What makes pictures of latents.
     *
     * @param tiles decodes them
     * @param side side of the pictures in pixels
     */
    record Decoding(TiledDecoder tiles, int side) {}

    /** Noise of pictures whose numbers need not follow each other. */
    private record NumberedNoise(NoiseSource all, long[] numbers) implements NoiseSource {
        NumberedNoise(Draws draws, long[] numbers) {
            this(NoiseSource.of(draws), numbers);
        }

        @Override
        public NDList initial(NDManager manager, SampleRequest request) {
            return joined(request, one -> all.initial(manager, one));
        }

        @Override
        public NDList path(NDManager manager, SampleRequest request, int step) {
            return joined(request, one -> all.path(manager, one, step));
        }

        @Override
        public long[] subset(SampleRequest request, int call, int tokens, int kept) {
            return LongStream.of(numbers)
                    .flatMap(number -> LongStream.of(all.subset(
                            new SampleRequest(number, new long[] {0}, request.latentShape(), request.classTokenWidth()),
                            call,
                            tokens,
                            kept)))
                    .toArray();
        }

        private NDList joined(SampleRequest request, Function<SampleRequest, NDList> noise) {
            NDList joined = new NDList();
            long[] labels = request.labels();
            for (int i = 0; i < numbers.length; i++) {
                NDList one = noise.apply(new SampleRequest(
                        numbers[i], new long[] {labels[i]}, request.latentShape(), request.classTokenWidth()));
                for (int part = 0; part < one.size(); part++) {
                    if (i == 0) {
                        joined.add(one.get(part));
                    } else {
                        joined.set(part, joined.get(part).concat(one.get(part)));
                    }
                }
            }
            return joined;
        }
    }
}
