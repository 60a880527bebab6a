package io.github.maskalign.sit;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.sit.LossTerms.SelfAlign;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * A model's moving average as its teacher (SRA, arXiv 2505.02831): it sees the same samples with the same noise and the same
 * dropped labels, but at a time that lies a little nearer to the data. It is the model's own blocks run with other arrays,
 * up to the block that is followed, and sees all tokens.
 */
final class SelfTeacher {
    private final SiTLoss loss;
    private final SelfAlign term;
    private final ParameterStore store;

    /**
     * Creates the teacher.
     *
     * @param loss the loss over the model, which has {@code terms.selfAlign}
     * @param average the averaged weights by key; what is in them when {@link #hidden} is called is used
     */
    SelfTeacher(SiTLoss loss, Map<String, NDArray> average) {
        this.loss = loss;
        term = loss.model().config().terms().selfAlign().orElseThrow();
        store = new AverageStore(loss.model(), average);
    }

    /**
     * Returns what the average makes of a batch, (N, [1+]T, D). To be called without recording.
     *
     * @param in the batch of the model
     * @param time the times at which the average sees it (N), see {@link #earlier}
     */
    NDArray hidden(SiTLossInput in, NDArray time) {
        return loss.model().hidden(store, loss.noised(in, time, null), term.teacherBlock());
    }

    /**
     * Returns the times at which the average sees what the model sees.
     *
     * @param t the model's times
     * @param u a number of [0, 1) for each sample
     */
    static float[] earlier(float[] t, float[] u, SelfAlign term) {
        float[] earlier = new float[t.length];
        for (int i = 0; i < t.length; i++) {
            earlier[i] = Math.max(0, t[i] - (float) term.maxTimeOffset() * u[i]); // t is at most 1, so this is too
        }
        return earlier;
    }

    /** Gives a block's parameters the arrays of a moving average, which are not copied. */
    private static final class AverageStore extends ParameterStore {
        private final Map<Parameter, NDArray> arrays = new IdentityHashMap<>();

        AverageStore(SiT model, Map<String, NDArray> average) {
            ParameterKeys.of(model)
                    .forEach((key, parameter) -> arrays.put(parameter, Objects.requireNonNull(average.get(key), key)));
        }

        @Override
        public NDArray getValue(Parameter parameter, Device device, boolean training) {
            return Objects.requireNonNull(arrays.get(parameter), parameter.getName());
        }
    }

    /** The head of self-alignment on hidden tokens (N, T, D): Linear to 2D, SiLU, Linear to D. Training alone uses it. */
    static final class Head extends ScriptedBlock {
        Head(int width, Precision precision) {
            super(ScriptFunction.of(SiT.class, "sit.py", "self_align_head")
                    .bind("bf16", precision == Precision.BFLOAT16));
            linear("linear1", width, 2L * width);
            linear("linear2", 2L * width, width);
        }
    }
}
