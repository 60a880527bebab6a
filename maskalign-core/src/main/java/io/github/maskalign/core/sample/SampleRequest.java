package io.github.maskalign.core.sample;

import ai.djl.Device;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.random.internal.SplitMix64;
import io.github.maskalign.core.sample.Guidance.GuidedField;
import io.github.maskalign.core.script.internal.PackedArrays;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A batch of pictures to draw. Their noise is addressed by position, so a set may be cut into batches and
 * spread over devices at will.
 *
 * @param first position of the first picture in the whole set, at least 0
 * @param labels one class for each of the N pictures
 * @param latentShape shape of one latent (C, H, W)
 * @param classTokenWidth width Z of the class token that is sampled along, 0 for none
 */
public record SampleRequest(long first, long[] labels, Shape latentShape, int classTokenWidth) {
    public SampleRequest {
        if (first < 0) {
            throw new IllegalArgumentException("first must be at least 0 but was " + first);
        }
        if (labels.length == 0) {
            throw new IllegalArgumentException("a request must ask for at least one picture but labels was empty");
        }
        labels = labels.clone();
        for (long label : labels) {
            if (label < 0) {
                throw new IllegalArgumentException("labels must be at least 0 but one was " + label);
            }
        }
        if (latentShape.dimension() != 3 || latentShape.size() < 1) {
            throw new IllegalArgumentException("latentShape must be (C, H, W) but was " + latentShape);
        }
        if (classTokenWidth < 0) {
            throw new IllegalArgumentException("classTokenWidth must be at least 0 but was " + classTokenWidth);
        }
    }

    /** Returns a copy of the labels. */
    @Override
    public long[] labels() {
        return labels.clone();
    }

    /** Returns the number of pictures N. */
    public int size() {
        return labels.length;
    }

    /** Returns the shapes of the state: (N, C, H, W) and, with a class token, (N, Z). */
    public List<Shape> stateShapes() {
        List<Shape> shapes = new ArrayList<>();
        shapes.add(new Shape(size()).addAll(latentShape));
        if (classTokenWidth > 0) {
            shapes.add(new Shape(size(), classTokenWidth));
        }
        return List.copyOf(shapes);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof SampleRequest that
                && first == that.first
                && Arrays.equals(labels, that.labels)
                && latentShape.equals(that.latentShape)
                && classTokenWidth == that.classTokenWidth;
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(new Object[] {first, Arrays.hashCode(labels), latentShape, classTokenWidth});
    }

    @Override
    public String toString() {
        return "SampleRequest[" + size() + " from " + first + ", latent " + latentShape + ", class token "
                + classTokenWidth + "]";
    }

    /**
     * Where a sampler takes its standard normal numbers from. Each call returns one array for each of {@link
     * SampleRequest#stateShapes}, the latent's drawn before the class token's.
     */
    public interface NoiseSource {
        /**
         * The state at t = 1. Its data type, float32 or float64, is the one in which the field is called.
         *
         * @param manager owner of the result
         */
        NDList initial(NDManager manager, SampleRequest request);

        /**
         * The noise a stochastic sampler adds, float64. Asked for in order of the steps, before the field.
         *
         * @param manager owner of the result
         * @param step number of the step, the first is 0
         */
        NDList path(NDManager manager, SampleRequest request, int step);

        /**
         * The tokens that a routed call of the network keeps; asked for by guidance between two ratios alone.
         *
         * @param call number of the call among those of one way from noise to data, which tells all its subsets apart
         * @param tokens number T of tokens
         * @param kept number K of those that stay, at most T
         * @return for one picture after the other K distinct numbers of [0, T)
         */
        default long[] subset(SampleRequest request, int call, int tokens, int kept) {
            throw new UnsupportedOperationException("this source of noise draws no subsets of tokens");
        }

        /** Returns the noise that belongs to the positions of a run: the same picture gets the same numbers always. */
        static NoiseSource of(Draws draws) {
            return new DrawnNoise(draws);
        }
    }

    /**
     * Noise addressed by (run seed, picture, step): float32 at t = 1, as the references start, float64 on the way.
     */
    record DrawnNoise(Draws draws) implements NoiseSource {
        private static final long POSITIONS_PER_PICTURE = 2L * SamplerConfig.MAX_STEPS;
        private static final long SUBSETS_PER_PICTURE = (long) GuidedField.CALLS_PER_STEP * SamplerConfig.MAX_STEPS;
        private static final RandomStream[] INITIAL = {RandomStream.SAMPLE_NOISE, RandomStream.SAMPLE_CLASS_NOISE};

        @Override
        public NDList initial(NDManager manager, SampleRequest request) {
            List<Shape> shapes = request.stateShapes();
            PackedArrays.Builder noise = PackedArrays.builder();
            for (int part = 0; part < shapes.size(); part++) {
                Shape shape = shapes.get(part);
                float[] values = draws.normal(INITIAL[part], request.first(), request.size(), width(shape));
                noise.add("part " + part, shape, values);
            }
            try (PackedArrays packed = noise.pack(manager.getDevice())) {
                return new NDList(packed.unpack(manager).values());
            }
        }

        @Override
        public NDList path(NDManager manager, SampleRequest request, int step) {
            try (PackedArrays packed = pack(request, step, manager.getDevice())) {
                return new NDList(packed.unpack(manager).values());
            }
        }

        /** Draws the noise of a step, of all parts of the state in order, for a device; on any thread. */
        PackedArrays pack(SampleRequest request, int step, Device device) {
            List<Shape> shapes = request.stateShapes();
            PackedArrays.Builder noise = PackedArrays.builder();
            for (int part = 0; part < shapes.size(); part++) {
                Shape shape = shapes.get(part);
                int width = width(shape);
                double[] values = new double[Math.multiplyExact(request.size(), width)];
                for (int i = 0; i < request.size(); i++) {
                    long picture = Math.addExact(request.first(), i);
                    long position = Math.addExact(Math.multiplyExact(picture, POSITIONS_PER_PICTURE), 2L * step + part);
                    SplitMix64 random = draws.at(RandomStream.SAMPLE_PATH, position);
                    for (int k = 0; k < width; k++) {
                        values[i * width + k] = random.nextGaussian();
                    }
                }
                noise.add("part " + part, shape, values);
            }
            return noise.pack(device);
        }

        @Override
        public long[] subset(SampleRequest request, int call, int tokens, int kept) {
            long[] all = new long[Math.multiplyExact(request.size(), kept)];
            for (int i = 0; i < request.size(); i++) {
                long picture = Math.addExact(request.first(), i);
                long position = Math.addExact(Math.multiplyExact(picture, SUBSETS_PER_PICTURE), call);
                long[] keep = draws.at(RandomStream.SAMPLE_SUBSET, position).subset(tokens, kept);
                System.arraycopy(keep, 0, all, i * kept, kept);
            }
            return all;
        }

        private static int width(Shape shape) {
            return Math.toIntExact(shape.size() / shape.get(0));
        }
    }
}
