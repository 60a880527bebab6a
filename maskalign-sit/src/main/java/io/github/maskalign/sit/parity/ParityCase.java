package io.github.maskalign.sit.parity;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * One reference case, computed again: a safetensors file whose metadata {@code kind} says of what.
 *
 * <ul>
 *   <li>none: a model of the family, its {@code outputs/*} and {@code grads/*} for {@code weights/*} and
 *       {@code inputs/*}, of half the sum over the outputs of the mean of their squares
 *   <li>{@code loss}: the training loss of given draws, its parts and the gradients of all weights
 *   <li>{@code train}: some steps of loss, clipping, AdamW and moving average
 *   <li>{@code sample}: the end of a sampler's way with given noise
 *   <li>{@code preprocess}: pictures as encoders want them
 * </ul>
 *
 * <p>Metadata {@code family} ({@code sit}, {@code repa}, {@code reg}, {@code maskalign}, {@code sit-official}) and
 * {@code config} describe the model. {@code sit-official} holds time and velocity on its own axis, t = 1 being data, and a
 * head of 2C channels.
 */
public final class ParityCase {
    private ParityCase() {}

    /** Prepares pictures for the encoder of a name, for cases of kind {@code preprocess}. */
    @FunctionalInterface
    public interface Preprocessor {
        /**
         * Prepares pictures.
         *
         * @param name how configs call the preprocessing or the encoder
         * @param images (N, 3, H, H), uint8
         * @return (N, 3, side, side), float32
         * @throws IllegalArgumentException if there is none of this name, or the pictures do not fit
         */
        NDArray apply(String name, NDArray images);
    }

    /** Re-computes a case of any kind but {@code preprocess}, see the other method. */
    public static ParityResult check(Path path) throws IOException {
        return check(path, (name, images) -> {
            throw new IllegalArgumentException("there is no preprocessing here");
        });
    }

    /**
     * Re-computes a case on the CPU, where float32 is float32: GPUs round the operands of convolutions.
     *
     * @param preprocessor used by cases of kind {@code preprocess}
     * @throws CheckpointFormatException if the file is no parity case
     * @throws IOException if it cannot be read
     */
    public static ParityResult check(Path path, Preprocessor preprocessor) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(path);
                NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            CaseFile open = new CaseFile(file, manager);
            String kind = open.text("kind", "model");
            try {
                switch (kind) {
                    case "model" -> ModelCase.compute(open);
                    case "loss" -> LossCase.compute(open);
                    case "train" -> TrainCase.compute(open);
                    case "sample" -> SampleCase.compute(open);
                    case "preprocess" -> preprocess(open, preprocessor);
                    default ->
                        throw open.problem(
                                "metadata kind must be loss, train, sample, preprocess or missing but was " + kind);
                }
            } catch (IllegalArgumentException e) { // tensors that do not fit the model
                throw new CheckpointFormatException(path, String.valueOf(e.getMessage()), e);
            }
            return open.result();
        }
    }

    private static void preprocess(CaseFile file, Preprocessor preprocessor) throws IOException {
        String given = file.has("images") ? "images" : CaseFile.INPUTS + "images";
        NDArray images = file.read(given, file.manager());
        for (String name : file.under("")) {
            if (!name.equals(given)) {
                file.output(name, preprocessor.apply(name.substring(name.lastIndexOf('/') + 1), images));
            }
        }
    }

    /**
     * How far a re-computed case is from its reference. Errors are ‖a − b‖ / ‖b‖ for each tensor.
     *
     * @param name file name of the case without its ending
     * @param maxOutputError largest error of an output
     * @param maxGradError largest error of a gradient; null if the case has none
     * @param worstKey the tensor whose error is largest, measured against its limit
     * @param pass whether all outputs are within 1e-5 and all gradients within 1e-4
     */
    public record ParityResult(
            String name, double maxOutputError, @Nullable Double maxGradError, String worstKey, boolean pass) {
        /** Largest error of an output that passes: float32 over a whole model. */
        public static final double OUTPUT_LIMIT = 1e-5;

        /** Largest error of a gradient that passes: float32, sums over tokens and samples. */
        public static final double GRAD_LIMIT = 1e-4;
    }
}
