package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.diffusion.VelocityLoss;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.TokenRows;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.ScriptFunction;
import org.junit.jupiter.api.Test;

/** The velocity of the kept patches against that of PyTorch, through the steps of the loss. */
class VisibleVelocityTest {
    @Test
    void valueAndGradientMatchPyTorch() {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(GoldenCase.class, "losses", "velocity-visible", manager);
            int patch = Integer.parseInt(golden.metadata().get("patch_size"));
            NDArray predicted = golden.get("inputs/predicted");
            predicted.setRequiresGradient(true);

            NDArray tokens = ScriptFunction.of(SiT.class, "sit.py", "patchify")
                    .bind("patch", patch)
                    .callForOne(golden.get("inputs/target"));
            NDArray kept = new TokenRows(false).gather(tokens, golden.get("inputs/keep"));
            NDArray loss = VelocityLoss.perSample(predicted, kept).mean();
            NDArray gradient =
                    Autograd.gradients(loss, new NDList(predicted), manager).get(0);

            assertThat((double) loss.getFloat()).isCloseTo(golden.get("value").toDoubleArray()[0], within(1e-6));
            assertThat(GoldenCase.relativeError(gradient, golden.get("grads/predicted")))
                    .isLessThan(1e-5); // float32
        }
    }
}
