package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
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
        return velocity(model.forward(store, input(state, t, labels), false));
    }

    @Override
    public boolean hasPath() {
        return model.config().subset().placement() == SubsetPlacement.SPARSE;
    }

    @Override
    public NDList velocityWithoutPath(NDList state, NDArray t, NDArray labels) {
        return velocity(model.forwardHalf(store, input(state, t, labels)));
    }

    private static SiTInput input(NDList state, NDArray t, NDArray labels) {
        NDArray classToken = state.size() > 1 ? state.get(1) : null;
        return new SiTInput(state.get(0), t, labels, classToken, null, null);
    }

    private static NDList velocity(SiTOutput out) {
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
