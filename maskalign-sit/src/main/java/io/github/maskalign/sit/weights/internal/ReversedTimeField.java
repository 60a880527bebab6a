package io.github.maskalign.sit.weights.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.maskalign.core.sample.VelocityField;

/**
 * A velocity field of the other time axis: v'(x, t) = −v(x, 1 − t). It lets a network of willisma/SiT be sampled on
 * REPA's axis with the weights as they were published.
 */
public final class ReversedTimeField implements VelocityField {
    private final VelocityField field;

    /** Turns a field around. */
    public ReversedTimeField(VelocityField field) {
        this.field = field;
    }

    @Override
    public NDList velocity(NDList state, NDArray t, NDArray labels) {
        try (NDArray flipped = t.neg();
                NDArray turned = flipped.add(1);
                NDList velocities = field.velocity(state, turned, labels)) {
            NDList out = new NDList(velocities.size());
            velocities.forEach(v -> out.add(v.neg()));
            return out;
        }
    }

    @Override
    public long nullLabel() {
        return field.nullLabel();
    }
}
