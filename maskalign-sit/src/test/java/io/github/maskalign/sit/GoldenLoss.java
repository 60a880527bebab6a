package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonParser;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.nn.internal.Recomputation;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.Autograd.Differentiation;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import io.github.maskalign.sit.parity.internal.ParityConfig;
import java.util.List;
import java.util.Map;

/** Fixtures of whole training losses: {@code weights/ inputs/ losses/ grads/}, config, beta and coeff in the metadata. */
interface GoldenLoss {
    /** Returns the model of a case. */
    SiTConfig config(GoldenCase golden);

    /** Returns what the loss is given of a case, from what all cases have. */
    default SiTLossInput input(GoldenCase golden, SiTLossInput plain) {
        return plain;
    }

    /** Returns the path between data and noise. */
    default Interpolant path(GoldenCase golden) {
        return Interpolant.LINEAR;
    }

    /** Returns the largest relative error of a part of the loss. */
    default double tolerance(String part) {
        return 2e-5; // float32 against float64; alignment is a sum near zero
    }

    /** How the gradient is computed. */
    enum Way {
        /** With what the blocks computed forward. */
        KEPT,
        /** With blocks that compute it again. */
        RECOMPUTED;

        private void check(GoldenLoss loss, GoldenCase golden, NDManager manager) {
            if (this == KEPT) {
                loss.compare(golden, manager, BlockRunner.PLAIN, Autograd::gradients);
            } else {
                Recomputation blocks = new Recomputation();
                loss.compare(golden, manager, blocks, blocks);
            }
        }
    }

    /** Compares every part of the loss of a fixture, and the gradient of every parameter. */
    default void verify(Class<?> test, String topic, String name, Way way) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            way.check(this, GoldenCase.load(test, topic, name, manager), manager);
        }
    }

    private void compare(GoldenCase golden, NDManager manager, BlockRunner runner, Differentiation backward) {
        SiT model = model(config(golden), golden, manager);
        double beta = Double.parseDouble(golden.metadata().get("beta"));
        double coeff = Double.parseDouble(golden.metadata().get("coeff"));
        SiTLossInput in = input(golden, plain(golden));

        SiTLosses found =
                new SiTLoss(model, path(golden), beta, coeff).compute(new ParameterStore(manager, false), in, runner);

        Map<String, NDArray> expected = golden.under("losses/");
        assertThat(found.parts().keySet()).hasSize(expected.size() - 1);
        found.parts()
                .forEach((part, value) ->
                        assertThat(relative(value, expected.get(part))).as(part).isLessThan(tolerance(part)));
        assertThat(relative(found.total(), expected.get("total"))).isLessThan(1e-5);
        NDList gradients = backward.gradients(found.total(), Weights.trainable(model), manager);
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

    /** Returns a model with the weights of a case. */
    static SiT model(SiTConfig config, GoldenCase golden, NDManager manager) {
        SiT model = new SiT(config);
        model.initialize(manager);
        Weights.copyInto(model, golden.under("weights/"));
        return model;
    }

    /** Returns the model's sizes that a case states. */
    static SiTConfig parity(GoldenCase golden) {
        return ParityConfig.of(
                JsonParser.parseString(golden.metadata().get("config")).getAsJsonObject());
    }

    private static SiTLossInput plain(GoldenCase golden) {
        return new SiTLossInput(
                golden.get("inputs/x"),
                golden.get("inputs/noise"),
                golden.get("inputs/t"),
                golden.get("inputs/y"),
                List.copyOf(golden.under("inputs/targets.").values()),
                golden.has("inputs/cls_noise") ? golden.get("inputs/cls_noise") : null,
                golden.has("inputs/keep") ? golden.get("inputs/keep") : null,
                null,
                SiTLossInput.Context.FIRST,
                golden.has("inputs/path_dropped") ? golden.get("inputs/path_dropped") : null);
    }

    private static double relative(NDArray found, NDArray expected) {
        double e = expected.toDoubleArray()[0];
        return Math.abs(found.getFloat() - e) / Math.abs(e);
    }
}
