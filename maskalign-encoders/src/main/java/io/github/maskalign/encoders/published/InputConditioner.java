package io.github.maskalign.encoders.published;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.encoders.Preprocessing;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Mean and deviation that C-RADIO's files carry, which its transformer takes pictures by. */
final class InputConditioner {
    private InputConditioner() {}

    /** Returns the preprocessing with the file's mean and deviation, or as it is where the file has none. */
    static Preprocessing of(StateDict file, Preprocessing usual, Path origin) throws IOException {
        TensorSource mean = find(file, "norm_mean");
        TensorSource std = find(file, "norm_std");
        if (mean == null || std == null) {
            return usual;
        }
        try {
            return usual.withNormalisation(values(mean), values(std));
        } catch (IllegalArgumentException e) {
            throw new CheckpointFormatException(
                    origin.toString(), List.of("its input_conditioner cannot be used: " + e.getMessage()));
        }
    }

    private static @Nullable TensorSource find(StateDict file, String name) {
        TensorSource found = file.tensors().get("radio_model.input_conditioner." + name);
        return found == null ? file.tensors().get("input_conditioner." + name) : found;
    }

    private static List<Double> values(TensorSource tensor) throws IOException {
        List<Double> out = new ArrayList<>();
        if (tensor.shape().size() == 3 && tensor.type().isFloat()) {
            for (float value : tensor.floats()) {
                out.add(Double.valueOf(Float.toString(value)));
            }
        }
        return out;
    }
}
