package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.sample.VelocityField;

/** A trained SiT as samplers see it: all tokens, no label dropout, the class token carried along if there is one. */
public final class SiTVelocityField implements VelocityField {
    private final SiT model;
    private final ParameterStore store;

    /** Creates the field of an initialised model. */
    public SiTVelocityField(SiT model, ParameterStore store) {
        this.model = model;
        this.store = store;
    }

    @Override
    public NDList velocity(NDList state, NDArray t, NDArray labels) {
        NDArray classToken = state.size() > 1 ? state.get(1) : null;
        SiTOutput out = model.forward(store, new SiTInput(state.get(0), t, labels, classToken, null, null), false);
        out.projected().forEach(NDArray::close);
        return out.classVelocity() == null
                ? new NDList(out.velocity())
                : new NDList(out.velocity(), out.classVelocity());
    }

    @Override
    public long nullLabel() {
        return model.config().nullLabel();
    }
}
