package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a SiT predicts.
 *
 * @param velocity velocity (N, C, H, W); if tokens were dropped for good, that of the kept ones (N, K, p²·C), channel
 *     fastest
 * @param projected projected tokens at the alignment depth, (N, T, Z) for each encoder, class token first if there is
 *     one; only the kept tokens if the others were away at that depth
 * @param classVelocity velocity of the class token (N, Z), if there is one
 */
public record SiTOutput(
        NDArray velocity, List<NDArray> projected, @Nullable NDArray classVelocity) {
    /** Copies the list. */
    public SiTOutput {
        projected = List.copyOf(projected);
    }

    /** Velocity, then the class token's velocity if there is one, then the projected tokens. */
    public NDList toNDList() {
        NDList list = new NDList(velocity);
        if (classVelocity != null) {
            list.add(classVelocity);
        }
        list.addAll(projected);
        return list;
    }

    /** Takes apart what {@link #toNDList} of a model of this config returned. */
    public static SiTOutput of(NDList list, SiTConfig config) {
        int first = config.hasClassToken() ? 2 : 1;
        return new SiTOutput(list.get(0), list.subNDList(first), config.hasClassToken() ? list.get(1) : null);
    }
}
