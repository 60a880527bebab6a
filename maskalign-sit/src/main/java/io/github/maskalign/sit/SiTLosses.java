package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The parts of a training loss, each 0-d float32.
 *
 * @param total {@code velocity + β·classVelocity + λ·alignment}
 * @param velocity mean squared error of the velocity
 * @param classVelocity mean squared error of the class token's velocity, if there is one
 * @param alignment minus the mean cosine, if the model aligns
 */
public record SiTLosses(
        NDArray total,
        NDArray velocity,
        @Nullable NDArray classVelocity,
        @Nullable NDArray alignment) {

    /** Returns the parts that exist by the names used in logs. */
    public Map<String, NDArray> parts() {
        Map<String, NDArray> parts = new LinkedHashMap<>();
        parts.put("velocity", velocity);
        if (classVelocity != null) {
            parts.put("class", classVelocity);
        }
        if (alignment != null) {
            parts.put("align", alignment);
        }
        return parts;
    }
}
