package io.github.maskalign.encoders.inception;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.evaluate.FeatureExtractor;
import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import io.github.maskalign.core.evaluate.FeatureExtractor.Features;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.ScriptFunction;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Features of the Inception network, computed natively.
 *
 * <p>Takes the file {@code pt_inception-2015-12-05-6726825d.pth} of pytorch-fid as it is published, the same weights of
 * torch-fidelity, or what {@code scripts/convert_inception.py} makes of the TensorFlow graph. Belongs to the thread that
 * opened it.
 */
public final class InceptionExtractor implements FeatureExtractor {
    private static final Pattern NAMED_HASH = Pattern.compile("-([0-9a-f]{8,64})\\.pth$");

    private final FeatureSpace space;
    private final InceptionSuite suite;
    private final NDManager manager;
    private final Inception network;
    private final ParameterStore store;

    private InceptionExtractor(Device device, StateDict weights, InceptionSuite suite) throws IOException {
        this.suite = suite;
        manager = NDManager.newBaseManager(device);
        try (NDManager scratch = manager.newSubManager()) {
            network = new Inception();
            network.initialize(manager, DataType.FLOAT32, new Shape(1, 3, InceptionLayout.SIDE, InceptionLayout.SIDE));
            InceptionWeights folded = InceptionWeights.read(scratch, weights);
            Weights.copyInto(network, folded.tensors());
            space = new FeatureSpace(
                    "Inception v3 2015 (" + suite.id() + ")",
                    "inception-2015/" + suite.id() + "/" + folded.hash(),
                    true,
                    InceptionLayout.WIDTH,
                    InceptionLayout.SPATIAL_WIDTH,
                    InceptionLayout.CLASSES);
        } catch (IOException | RuntimeException e) {
            manager.close();
            throw e;
        }
        store = new ParameterStore(manager, false);
    }

    /**
     * Opens a file of weights, PyTorch checkpoint or safetensors.
     *
     * @param device where the network computes; its pictures must be there too
     * @throws IOException if it cannot be read, is not this network, or is not the file whose hash its name ends in, as
     *     in {@code pt_inception-2015-12-05-6726825d.pth}
     */
    public static InceptionExtractor open(Device device, Path file, InceptionSuite suite) throws IOException {
        try (WeightsFile weights = WeightsFile.open(file)) {
            requireNamedHash(file);
            return new InceptionExtractor(device, weights.stateDict(), suite);
        } catch (CheckpointFormatException e) {
            if (String.valueOf(e.getMessage()).startsWith(file.toString())) {
                throw e;
            }
            throw new CheckpointFormatException(file + " is not the 2015 Inception network", e.problems());
        }
    }

    /**
     * Opens weights that are at hand, under the keys of pytorch-fid's file.
     *
     * @param device where the network computes; its pictures must be there too
     * @throws IOException if they cannot be read or are not of this network
     */
    public static InceptionExtractor of(Device device, StateDict weights, InceptionSuite suite) throws IOException {
        return new InceptionExtractor(device, weights, suite);
    }

    /** PyTorch's hub puts the first digits of a file's SHA-256 into its name. */
    private static void requireNamedHash(Path file) throws IOException {
        Matcher named = NAMED_HASH.matcher(file.toString());
        if (!named.find()) {
            return;
        }
        String found = Digests.sha256(file);
        if (!found.startsWith(named.group(1))) {
            throw new CheckpointFormatException(
                    file,
                    "by its name the SHA-256 must start with " + named.group(1) + " but it is " + found
                            + "; the file is damaged or another one");
        }
    }

    @Override
    public FeatureSpace space() {
        return space;
    }

    /** Returns the network, for {@link Inception#export}. */
    public Inception network() {
        return network;
    }

    @Override
    public Features extract(NDArray images) {
        try (GradMode off = GradMode.off();
                NDArray prepared = suite.prepare(images)) { // (N, 3, 299, 299)
            NDList out = network.forward(store, new NDList(prepared), false);
            out.attach(images.getManager());
            return new Features(out.get(0), out.get(1), out.get(2));
        }
    }

    @Override
    public void close() {
        manager.close();
    }

    /**
     * How pictures come to 299 × 299 pixels. Numbers of one suite must not be compared with numbers of another: differences of
     * 0.01 to 0.1 in FID are usual.
     */
    public enum InceptionSuite {
        /**
         * ADM's evaluator (openai/guided-diffusion): the resize of TensorFlow 1, source coordinate dst · in / out without
         * half-pixel centres, then (x − 128) / 128. The numbers of SiT, DiT, REPA, REG and MaskAlign.
         */
        ADM("adm", "adm_input"),
        /** mseitzer/pytorch-fid: [0, 1], bilinear with half-pixel centres, 2x − 1. */
        PYTORCH_FID("pytorch-fid", "pytorch_fid_input");

        private final String id;
        private final ScriptFunction function;

        InceptionSuite(String id, String function) {
            this.id = id;
            this.function = ScriptFunction.of(InceptionSuite.class, "inception.py", function)
                    .bind("side", InceptionLayout.SIDE);
        }

        /** Returns the name in options and files, such as {@code pytorch-fid}. */
        public String id() {
            return id;
        }

        /**
         * Returns the suite of an id.
         *
         * @throws IllegalArgumentException with all ids if there is none
         */
        public static InceptionSuite named(String id) {
            return Arrays.stream(values())
                    .filter(s -> s.id.equals(id))
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("a suite must be one of "
                            + Arrays.stream(values()).map(InceptionSuite::id).collect(Collectors.joining(", "))
                            + " but was "
                            + id));
        }

        /**
         * Prepares pictures.
         *
         * @param images (N, 3, H, W), uint8
         * @return (N, 3, 299, 299), float32, on the manager of {@code images}
         * @throws IllegalArgumentException if the pictures have another shape or type
         */
        public NDArray prepare(NDArray images) {
            requirePictures(images);
            return function.callForOne(images);
        }

        static void requirePictures(NDArray images) {
            Shape shape = images.getShape();
            if (shape.dimension() != 4
                    || shape.get(1) != 3
                    || shape.size() == 0
                    || images.getDataType() != DataType.UINT8) {
                throw new IllegalArgumentException(
                        "pictures must be uint8 (N, 3, H, W) but were " + images.getDataType() + " " + shape);
            }
        }
    }
}
