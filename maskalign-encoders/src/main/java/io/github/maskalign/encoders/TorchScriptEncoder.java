package io.github.maskalign.encoders;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.EncoderTokens;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptModule;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An encoder in a TorchScript archive, such as a DINOv2 traced or scripted in Python.
 *
 * <p>The archive's {@code forward} takes preprocessed pictures (N, 3, h, w), float32, and returns either the
 * tuple (class token (N, Z), patch tokens (N, T, Z)) or one tensor (N, 1 + T, Z) with the class token first.
 * Belongs to the thread that opened it.
 */
public final class TorchScriptEncoder implements RepresentationEncoder {
    private final String name;
    private final ScriptModule module;
    private final Preprocessing preprocessing;
    private final int width;

    private TorchScriptEncoder(String name, ScriptModule module, Preprocessing preprocessing, int width) {
        this.name = name;
        this.module = module;
        this.preprocessing = preprocessing;
        this.width = width;
    }

    /**
     * Opens an archive file after comparing its hash.
     *
     * @param device where the encoder computes
     * @param sha256 the file's SHA-256 in hexadecimal, or null to open whatever is there
     * @param width expected width Z of the tokens
     * @throws IOException if the file cannot be read, has another hash, or is no TorchScript archive
     */
    static TorchScriptEncoder open(
            Device device, Path file, @Nullable String sha256, Preprocessing preprocessing, int width)
            throws IOException {
        if (sha256 != null) {
            PinnedHash.check(file, sha256);
        }
        return new TorchScriptEncoder(file.toString(), ScriptModule.open(device, file), preprocessing, width);
    }

    /** Opens an archive in memory after comparing its hash. */
    static TorchScriptEncoder open(
            Device device, String name, byte[] archive, String sha256, Preprocessing preprocessing, int width)
            throws IOException {
        PinnedHash.check(name, archive, sha256);
        return new TorchScriptEncoder(name, ScriptModule.open(device, name, archive), preprocessing, width);
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalStateException if the archive returns other shapes than the contract says, or another thread
     *     opened it
     */
    @Override
    public EncoderTokens encode(NDArray images) {
        NDManager owner = images.getManager();
        try (GradMode off = GradMode.off();
                NDArray prepared = preprocessing.apply(images)) {
            long n = images.getShape().get(0);
            long t = tokens(Math.toIntExact(images.getShape().get(2)));
            NDList out = module.call(owner, prepared);
            List<Shape> found = List.of(out.getShapes());
            Shape classToken = new Shape(n, width);
            Shape patchTokens = new Shape(n, t, width);
            boolean floats = out.stream().allMatch(a -> a.getDataType() == DataType.FLOAT32);
            if (floats && found.equals(List.of(classToken, patchTokens))) {
                return new EncoderTokens(out.get(0), out.get(1));
            }
            if (floats && found.equals(List.of(new Shape(n, 1 + t, width)))) {
                try (NDArray all = out.get(0)) { // (N, 1 + T, Z)
                    return new EncoderTokens(all.get(":, 0"), all.get(":, 1:"));
                }
            }
            out.close();
            throw new IllegalStateException("encoder " + name + " must return float32 " + classToken + " and "
                    + patchTokens + ", or " + new Shape(n, 1 + t, width) + ", for pictures " + prepared.getShape()
                    + " but returned " + found + (floats ? "" : " of other types"));
        }
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
