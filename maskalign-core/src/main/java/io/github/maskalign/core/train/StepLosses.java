package io.github.maskalign.core.train;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.Differentiation;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The loss of some samples.
 *
 * @param total what is minimised, 0-d, recorded with gradients
 * @param parts other numbers to log, such as its summands before weighting, by name; 0-d
 * @param dataSeconds how long the computation waited for its samples
 * @param backward how the gradients of {@code total}, or of what is computed from it, are found
 */
public record StepLosses(NDArray total, Map<String, NDArray> parts, double dataSeconds, Differentiation backward) {
    public StepLosses {
        parts = Collections.unmodifiableMap(new LinkedHashMap<>(parts));
        scalar("the total loss", total);
        parts.forEach((name, part) -> scalar("loss part " + name, part));
        if (!(dataSeconds >= 0)) {
            throw new IllegalArgumentException("dataSeconds must be at least 0 but was " + dataSeconds);
        }
    }

    /** Losses whose whole graph was recorded. */
    public StepLosses(NDArray total, Map<String, NDArray> parts, double dataSeconds) {
        this(total, parts, dataSeconds, Autograd::gradients);
    }

    /** Losses of samples that did not have to be waited for. */
    public StepLosses(NDArray total, Map<String, NDArray> parts) {
        this(total, parts, 0);
    }

    private static void scalar(String what, NDArray array) {
        if (array.getShape().dimension() != 0) {
            throw new IllegalArgumentException(what + " must be one number but has shape " + array.getShape());
        }
    }
}
