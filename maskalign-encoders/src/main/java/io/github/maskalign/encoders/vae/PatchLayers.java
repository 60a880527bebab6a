package io.github.maskalign.encoders.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * Encoder or decoder of a {@link PatchAutoencoder}: a 3 × 3 convolution, residual blocks of two, and a last one.
 *
 * <pre>
 * h = conv_in(x);  h = h + conv2(SiLU(conv1(h))) for each block;  conv_out(h)
 * </pre>
 *
 * <p>There are no norms: a latent pixel depends on the pixels around it alone. The second convolution of each block
 * begins with zeros, so that training begins with a linear map.
 */
final class PatchLayers extends ScriptedBlock {
    private final Kind kind;
    private final int out;

    /** Which of the two. */
    enum Kind {
        /** Pictures to mean and log-variance: patches of 4 × 4 pixels come in as 48 channels. */
        ENCODER("encode", 3, 1),
        /** Latents to pictures: 48 channels go out as patches. */
        DECODER("decode", 1, 3);

        private final String function;
        private final int kernelIn;
        private final int kernelOut;

        Kind(String function, int kernelIn, int kernelOut) {
            this.function = function;
            this.kernelIn = kernelIn;
            this.kernelOut = kernelOut;
        }
    }

    PatchLayers(Kind kind, int in, int width, int blocks, int out) {
        super(ScriptFunction.of(PatchLayers.class, "patch_autoencoder.py", kind.function));
        this.kind = kind;
        this.out = out;
        convolution("conv_in", in, width, kind.kernelIn, PatchLayers::lecun);
        for (int i = 0; i < blocks; i++) {
            convolution("blocks." + i + ".conv1", width, width, 3, PatchLayers::lecun);
            convolution("blocks." + i + ".conv2", width, width, 3, Initializer.ZEROS);
        }
        convolution("conv_out", width, out, kind.kernelOut, PatchLayers::small);
    }

    private void convolution(String name, int in, int width, int kernel, Initializer initializer) {
        parameter(name + ".weight", new Shape(width, in, kernel, kernel), initializer);
        parameter(name + ".bias", new Shape(width), Initializer.ZEROS);
    }

    /** U(−b, b), b = √(3 / fan in): as much variance out as in. */
    private static NDArray lecun(NDManager manager, Shape shape, DataType type) {
        float bound = (float) Math.sqrt(3.0 * shape.get(0) / shape.size());
        return manager.randomUniform(-bound, bound, shape, type);
    }

    /** A fifth of that: pictures begin grey, and latents small. */
    private static NDArray small(NDManager manager, Shape shape, DataType type) {
        return lecun(manager, shape, type).mul(0.2f);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape x = inputShapes[0];
        int patch = PatchAutoencoder.PATCH;
        return new Shape[] {
            kind == Kind.ENCODER
                    ? new Shape(x.get(0), out, x.get(2) / patch, x.get(3) / patch)
                    : new Shape(x.get(0), out / (patch * patch), x.get(2) * patch, x.get(3) * patch)
        };
    }
}
