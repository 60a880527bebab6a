package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * PatchGAN with three strided layers of 64 to 256 channels (Isola et al., arXiv 1611.07004; as in taming-transformers):
 * pictures (N, 3, H, W) to scores of patches.
 *
 * <p>Its batch norms go by the statistics of the pictures that they are given, as in training; running statistics are not
 * kept, as nothing reads them. Keys are those of the original, {@code main.0.weight} and so on.
 */
final class PatchDiscriminator extends ScriptedBlock {
    private static final int LAYERS = 3;
    private static final int KERNEL = 4;

    private static final int WIDEST = 8; // times the first width

    /** Smallest side of a picture that leaves a score. */
    static final int SMALLEST_SIDE = 24;

    PatchDiscriminator(int width) {
        super(ScriptFunction.of(PatchDiscriminator.class, "reconstruction.py", "patch_discriminator"));
        biased("main.0", 3, width);
        int in = width;
        int place = 2;
        for (int layer = 1; layer <= LAYERS; layer++) {
            int out = width * Math.min(1 << layer, WIDEST);
            convolution("main." + place, in, out);
            parameter("main." + (place + 1) + ".weight", new Shape(out), PatchDiscriminator::aroundOne);
            parameter("main." + (place + 1) + ".bias", new Shape(out), Initializer.ZEROS);
            in = out;
            place += 3;
        }
        biased("main." + place, in, 1);
    }

    private void convolution(String name, int in, int out) {
        parameter(name + ".weight", new Shape(out, in, KERNEL, KERNEL), Initializers.NORMAL_002);
    }

    private void biased(String name, int in, int out) {
        convolution(name, in, out);
        parameter(name + ".bias", new Shape(out), Initializers.convolution((long) in * KERNEL * KERNEL));
    }

    private static NDArray aroundOne(NDManager manager, Shape shape, DataType type) {
        try (NDArray noise = Initializers.NORMAL_002.initialize(manager, shape, type)) {
            return noise.add(1);
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape x = inputShapes[0];
        long height = x.get(2);
        long width = x.get(3);
        for (int i = 0; i < LAYERS; i++) {
            height /= 2;
            width /= 2;
        }
        return new Shape[] {new Shape(x.get(0), 1, height - 2, width - 2)};
    }
}
