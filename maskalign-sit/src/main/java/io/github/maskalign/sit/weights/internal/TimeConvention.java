package io.github.maskalign.sit.weights.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.maskalign.core.config.ConfigKey.Identified;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.sit.weights.SiTWeights;
import java.io.IOException;
import java.util.Optional;
import java.util.function.Function;

/**
 * Which end of the time axis is data. The two are related by t' = 1 − t and v'(x, t') = −v(x, t); a network that was
 * trained on one is used on the other through {@link ReversedTimeField}, or after {@link SiTWeights#dataAtZero()}.
 */
public enum TimeConvention implements Identified {
    /** t = 0 is data, t = 1 noise: REPA, REG, MaskAlign and this library. */
    DATA_AT_0("data-at-0"),
    /** t = 0 is noise, t = 1 data: willisma/SiT and ReDi. */
    DATA_AT_1("data-at-1");

    private final String id;

    TimeConvention(String id) {
        this.id = id;
    }

    /** Returns the name used in files. */
    @Override
    public String id() {
        return id;
    }

    /**
     * A velocity field of the other time axis: v'(x, t) = −v(x, 1 − t). It lets a network of willisma/SiT be sampled on
     * REPA's axis with the weights as they were published.
     */
    public static final class ReversedTimeField implements VelocityField {
        private final VelocityField field;

        /** Turns a field around. */
        public ReversedTimeField(VelocityField field) {
            this.field = field;
        }

        @Override
        public NDList velocity(NDList state, NDArray t, NDArray labels) {
            return turned(t, turned -> field.velocity(state, turned, labels));
        }

        @Override
        public Optional<Routed> routed() {
            return field.routed().map(TurnedRoute::new);
        }

        /** The route of a network of the other axis. */
        private record TurnedRoute(Routed route) implements Routed {
            @Override
            public int tokens() {
                return route.tokens();
            }

            @Override
            public int kept(double ratio) {
                return route.kept(ratio);
            }

            @Override
            public NDList velocity(NDList state, NDArray t, NDArray labels, NDArray keep) {
                return turned(t, turned -> route.velocity(state, turned, labels, keep));
            }
        }

        @Override
        public boolean hasPath() {
            return field.hasPath();
        }

        @Override
        public NDList velocityWithoutPath(NDList state, NDArray t, NDArray labels) {
            return turned(t, turned -> field.velocityWithoutPath(state, turned, labels));
        }

        @Override
        public int featureChannels() {
            return field.featureChannels();
        }

        private static NDList turned(NDArray t, Function<NDArray, NDList> velocity) {
            try (NDArray flipped = t.neg();
                    NDArray turned = flipped.add(1);
                    NDList velocities = velocity.apply(turned)) {
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

    /**
     * Turns the time axis of a network around inside its weights, so that v'(x, t) = −v(x, 1 − t).
     *
     * <p>The last linear layer is negated. The first layer of the time embedding sees [cos(t ω) | sin(t ω)] with
     * ω_k = 10000^(−k/128), and cos((1 − t) ω) = cos ω cos tω + sin ω sin tω, sin((1 − t) ω) = sin ω cos tω − cos ω sin tω,
     * so its columns become W_c' = W_c cos ω + W_s sin ω and W_s' = W_c sin ω − W_s cos ω. Doing it twice gives the
     * original back. Computed in float64 and rounded once to float32; the network's outputs agree to that rounding.
     */
    public static final class TimeAxis {
        private static final double MAX_PERIOD = 10_000;

        private TimeAxis() {}

        /** Turns the weight (D, 2F) of the first layer of the time embedding around. */
        public static TensorSource turnedFeatures(TensorSource weight) throws IOException {
            float[] w = weight.floats();
            int features = Math.toIntExact(weight.shape().get(1));
            int half = features / 2;
            float[] out = new float[w.length];
            for (int k = 0; k < half; k++) {
                double omega = (float) Math.exp(-Math.log(MAX_PERIOD) * k / half); // the networks hold it in float32
                double cos = Math.cos(omega);
                double sin = Math.sin(omega);
                for (int at = k; at < w.length; at += features) {
                    double c = w[at];
                    double s = w[at + half];
                    out[at] = (float) (c * cos + s * sin);
                    out[at + half] = (float) (c * sin - s * cos);
                }
            }
            return TensorSource.of(weight.shape(), out);
        }

        /** Negates a weight or bias of the last layer. */
        public static TensorSource negated(TensorSource tensor) throws IOException {
            float[] values = tensor.floats();
            for (int i = 0; i < values.length; i++) {
                values[i] = -values[i];
            }
            return TensorSource.of(tensor.shape(), values);
        }
    }
}
