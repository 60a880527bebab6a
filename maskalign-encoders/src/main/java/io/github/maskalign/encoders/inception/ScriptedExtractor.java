package io.github.maskalign.encoders.inception;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.evaluate.FeatureExtractor;
import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import io.github.maskalign.core.evaluate.FeatureExtractor.Features;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.script.ScriptModule;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.encoders.inception.InceptionExtractor.InceptionSuite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Features of a network in a TorchScript file.
 *
 * <p>The file's {@code forward} takes pictures (N, 3, H, W), uint8, and returns pooled features (N, D), or a tuple of
 * these, spatial features (N, S) and logits without bias (N, C), the last or the last two of which may be missing; all
 * float32. A TorchScript file is a program and runs as one. Belongs to the thread that opened it.
 */
public final class ScriptedExtractor implements FeatureExtractor {
    private static final int TRIAL_SIDE = 64;

    private final FeatureSpace space;
    private final ScriptModule module;

    private ScriptedExtractor(String name, String identity, boolean inception, ScriptModule module, Device device) {
        this.module = module;
        try (NDManager scratch = NDManager.newBaseManager(device)) {
            NDList found = call(name, scratch.zeros(new Shape(2, 3, TRIAL_SIDE, TRIAL_SIDE), DataType.UINT8));
            space = new FeatureSpace(
                    name,
                    identity,
                    inception,
                    width(found, 0),
                    found.size() > 1 ? width(found, 1) : 0,
                    found.size() > 2 ? width(found, 2) : 0);
        }
    }

    /**
     * Opens a file and runs it on two black pictures to learn its widths.
     *
     * @param device where the network computes; its pictures must be there too
     * @param trust why the file may run: its hash, or the word of the caller
     * @param inception whether it is the 2015 Inception network, so that its numbers may be called FID
     * @throws IOException if the file cannot be read, has another hash, or is no TorchScript archive
     * @throws IllegalStateException if it returns something else than the contract says
     */
    public static ScriptedExtractor open(Device device, Path file, ScriptTrust trust, boolean inception)
            throws IOException {
        byte[] archive = Files.readAllBytes(file); // what is compared is what runs
        String hash = Digests.sha256(archive);
        ScriptModule module = ScriptModule.open(device, file.toString(), archive, trust);
        try {
            return new ScriptedExtractor(
                    "TorchScript " + file.getFileName(), "torchscript/" + hash, inception, module, device);
        } catch (RuntimeException e) {
            module.close();
            throw e;
        }
    }

    @Override
    public FeatureSpace space() {
        return space;
    }

    @Override
    public Features extract(NDArray images) {
        InceptionSuite.requirePictures(images);
        NDList out = call(space.name(), images);
        return new Features(out.get(0), out.size() > 1 ? out.get(1) : null, out.size() > 2 ? out.get(2) : null);
    }

    @Override
    public void close() {
        module.close();
    }

    private NDList call(String name, NDArray images) {
        try (GradMode off = GradMode.off()) {
            NDList out = module.call(images.getManager(), images);
            long n = images.getShape().get(0);
            boolean fits = !out.isEmpty() && out.size() <= 3;
            for (NDArray array : out) {
                Shape shape = array.getShape();
                fits &= array.getDataType() == DataType.FLOAT32 && shape.dimension() == 2 && shape.get(0) == n;
            }
            if (!fits) {
                String found = out.stream()
                        .map(array -> array.getShape() + " " + array.getDataType())
                        .toList()
                        .toString();
                out.close();
                throw new IllegalStateException(
                        name + " must return one to three float32 tensors (" + n + ", width) but returned " + found);
            }
            return out;
        }
    }

    private static int width(NDList found, int index) {
        return Math.toIntExact(found.get(index).getShape().get(1));
    }
}
