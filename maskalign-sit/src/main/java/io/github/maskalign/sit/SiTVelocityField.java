package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.sample.VelocityField;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A trained SiT as samplers see it: all tokens, no label dropout, the class token carried along if there is one. A model
 * with placement ROUTE can let tokens go round its route, for guidance that asks for it.
 */
public final class SiTVelocityField implements VelocityField {
    private final SiT model;
    private final ParameterStore store;

    /** Creates the field of an initialised model. */
    public SiTVelocityField(SiT model, ParameterStore store) {
        this.model = model;
        this.store = store;
    }

    /** @throws IllegalStateException if the model predicts noise, see {@link #noise} */
    @Override
    public NDList velocity(NDList state, NDArray t, NDArray labels) {
        if (model.config().process() == Process.DDPM) {
            throw new IllegalStateException("a model of diffusion.process DDPM predicts noise, no velocity");
        }
        return velocity(model.forward(store, input(state, t, labels, null), false));
    }

    @Override
    public Optional<NoiseField> noise() {
        return model.config().process() == Process.DDPM ? Optional.of(this::noise) : Optional.empty();
    }

    private NDList noise(NDArray state, NDArray t, NDArray labels) {
        try (NDList both = velocity(model.forward(store, input(new NDList(state), t, labels, null), false))) {
            return both.singletonOrThrow().split(2, 1); // 2 x (N, C, H, W)
        }
    }

    @Override
    public boolean hasPath() {
        return model.config().subset().placement() == SubsetPlacement.SPARSE;
    }

    @Override
    public NDList velocityWithoutPath(NDList state, NDArray t, NDArray labels) {
        return velocity(model.forwardHalf(store, input(state, t, labels, null)));
    }

    private static SiTInput input(NDList state, NDArray t, NDArray labels, @Nullable NDArray keep) {
        NDArray classToken = state.size() > 1 ? state.get(1) : null;
        return new SiTInput(state.get(0), t, labels, classToken, keep, null);
    }

    private static NDList velocity(SiTOutput out) {
        out.projected().forEach(NDArray::close);
        return out.classVelocity() == null
                ? new NDList(out.velocity())
                : new NDList(out.velocity(), out.classVelocity());
    }

    @Override
    public Optional<Routed> routed() {
        return model.config().subset().placement() == SubsetPlacement.ROUTE
                ? Optional.of(new Route())
                : Optional.empty();
    }

    private final class Route implements Routed {
        @Override
        public int tokens() {
            return model.config().tokens();
        }

        @Override
        public int kept(double ratio) {
            return model.config().subset().drawing().rounding().kept(tokens(), ratio);
        }

        @Override
        public NDList velocity(NDList state, NDArray t, NDArray labels, NDArray keep) {
            return SiTVelocityField.velocity(model.forward(store, input(state, t, labels, keep), false));
        }
    }

    @Override
    public int featureChannels() {
        return model.config().featureChannels();
    }

    @Override
    public long nullLabel() {
        return model.config().nullLabel();
    }
}
