package io.github.maskalign.encoders;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptModule;
import io.github.maskalign.core.script.ScriptTrust;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * An encoder in a TorchScript archive, such as a DINOv2 traced or scripted in Python.
 *
 * <p>The archive's {@code forward} takes preprocessed pictures (N, 3, h, w), float32, and returns either the
 * tuple (class token (N, Z), patch tokens (N, T, Z)) or one tensor (N, 1 + T, Z) with the class token first.
 * Belongs to the thread that opened it.
 */
final class TorchScriptEncoder implements RepresentationEncoder {
    private final String name;
    private final ScriptModule module;
    private final Preprocessing preprocessing;
    private final int width;

    private TorchScriptEncoder(String name, ScriptModule module, Preprocessing preprocessing, Device device) {
        this.name = name;
        this.module = module;
        this.preprocessing = preprocessing;
        // a traced file may know no other side, so it is the one that the encoder is made for
        int side = preprocessing.usualSide();
        try (NDManager scratch = NDManager.newBaseManager(device)) {
            // and two pictures, as a file that was traced with one may know no other number
            NDArray black = scratch.zeros(new Shape(2, 3, side, side), DataType.UINT8);
            width = Math.toIntExact(tokens(black).patchTokens().getShape().get(2));
        }
    }

    /** Opens an archive file and encodes two black pictures of the usual side to learn the width. */
    static TorchScriptEncoder open(Device device, Path file, ScriptTrust trust, Preprocessing preprocessing)
            throws IOException {
        return of(file.toString(), ScriptModule.open(device, file, trust), preprocessing, device);
    }

    /** Opens an archive in memory. */
    static TorchScriptEncoder open(
            Device device, String name, byte[] archive, ScriptTrust trust, Preprocessing preprocessing)
            throws IOException {
        return of(name, ScriptModule.open(device, name, archive, trust), preprocessing, device);
    }

    private static TorchScriptEncoder of(String name, ScriptModule module, Preprocessing preprocessing, Device device) {
        try {
            return new TorchScriptEncoder(name, module, preprocessing, device);
        } catch (RuntimeException e) {
            module.close();
            throw e;
        }
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalStateException if the archive returns other shapes than the contract says, or another thread
     *     opened it
     */
    @Override
    public EncoderTokens encode(NDArray images) {
        return tokens(images);
    }

    /** Returns the archive's weights by key, copied to a manager. */
    Map<String, NDArray> weights(NDManager owner) {
        return module.weights(owner);
    }

    private EncoderTokens tokens(NDArray images) {
        try (GradMode off = GradMode.off();
                NDArray prepared = preprocessing.apply(images)) {
            long n = images.getShape().get(0);
            long t = preprocessing.tokensFor(Math.toIntExact(images.getShape().get(2)));
            NDList out = module.call(images.getManager(), prepared);
            if (isPair(out, n, t)) {
                return new EncoderTokens(out.get(0), out.get(1));
            }
            if (out.size() == 1 && areTokens(out.get(0), n, 1 + t)) {
                try (NDArray all = out.get(0)) { // (N, 1 + T, Z)
                    return new EncoderTokens(all.get(":, 0"), all.get(":, 1:"));
                }
            }
            List<String> found = out.stream()
                    .map(array -> array.getShape() + " " + array.getDataType())
                    .toList();
            out.close();
            throw new IllegalStateException("encoder " + name + " must return float32 (" + n + ", Z) and (" + n + ", "
                    + t + ", Z), or (" + n + ", " + (1 + t) + ", Z), for pictures " + prepared.getShape()
                    + " but returned " + found);
        }
    }

    private static boolean isPair(NDList out, long n, long t) {
        return out.size() == 2
                && areTokens(out.get(1), n, t)
                && out.get(0).getDataType() == DataType.FLOAT32
                && out.get(0)
                        .getShape()
                        .equals(new Shape(n, out.get(1).getShape().get(2)));
    }

    private static boolean areTokens(NDArray array, long n, long count) {
        Shape shape = array.getShape();
        return array.getDataType() == DataType.FLOAT32
                && shape.dimension() == 3
                && shape.get(0) == n
                && shape.get(1) == count;
    }

    @Override
    public int width() {
        return width;
    }

    @Override
    public int tokens(int imageSize) {
        return preprocessing.tokensFor(imageSize);
    }

    @Override
    public void close() {
        module.close();
    }
}
