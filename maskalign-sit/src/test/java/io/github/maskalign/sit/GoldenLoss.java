package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.Autograd.Differentiation;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import java.util.List;
import java.util.Map;

/** A fixture of a whole training loss: {@code weights/ inputs/ losses/ grads/}, beta and coeff in its metadata. */
record GoldenLoss(GoldenCase golden, NDManager manager) {
    /** Compares every part of the loss, and the gradient of every parameter. */
    void verify(SiTConfig config, Interpolant path, BlockRunner runner, Differentiation backward) {
        SiT model = new SiT(config);
        model.initialize(manager);
        Weights.copyInto(model, golden.under("weights/"));
        double beta = Double.parseDouble(golden.metadata().get("beta"));
        double coeff = Double.parseDouble(golden.metadata().get("coeff"));

        SiTLosses losses =
                new SiTLoss(model, path, beta, coeff).compute(new ParameterStore(manager, false), input(), runner);
        Map<String, NDArray> expected = golden.under("losses/");
        assertThat(losses.parts().keySet()).hasSize(expected.size() - 1);
        losses.parts()
                .forEach((part, value) -> assertThat(relative(value, expected.get(part)))
                        .as(part)
                        .isLessThan(2e-5)); // float32 against float64; alignment is a sum near zero
        assertThat(relative(losses.total(), expected.get("total"))).isLessThan(1e-5);

        NDList gradients = backward.gradients(losses.total(), Weights.trainable(model), manager);
        int i = 0;
        for (Map.Entry<String, Parameter> p : ParameterKeys.of(model).entrySet()) {
            if (p.getValue().requiresGradient()) {
                assertThat(GoldenCase.relativeError(gradients.get(i++), golden.get("grads/" + p.getKey())))
                        .as(p.getKey())
                        .isLessThan(1e-4); // a sum over many float32 products
            }
        }
        assertThat(golden.under("grads/")).hasSize(i);
    }

    private SiTLossInput input() {
        boolean twice = golden.has("inputs/masked_noise");
        SiTLossInput.Context context = twice
                ? SiTLossInput.Context.FIRST.withMaskedPass(new SiTLossInput.MaskedPass(
                        golden.get("inputs/masked_noise"),
                        golden.get("inputs/keep"),
                        golden.get("inputs/masked_dropped")))
                : SiTLossInput.Context.FIRST;
        return new SiTLossInput(
                golden.get("inputs/x"),
                golden.get("inputs/noise"),
                golden.get("inputs/t"),
                golden.get("inputs/y"),
                List.copyOf(golden.under("inputs/targets.").values()),
                golden.has("inputs/cls_noise") ? golden.get("inputs/cls_noise") : null,
                golden.has("inputs/keep") && !twice ? golden.get("inputs/keep") : null,
                golden.has("inputs/dropped") ? golden.get("inputs/dropped") : null,
                context,
                golden.has("inputs/path_dropped") ? golden.get("inputs/path_dropped") : null);
    }

    private static double relative(NDArray found, NDArray expected) {
        double e = expected.toDoubleArray()[0];
        return Math.abs(found.getFloat() - e) / Math.abs(e);
    }
}
