package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.train.AutoStop;
import io.github.maskalign.core.train.LossSchedule;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Gradients of terms against differences of their values along the gradient. */
class TermGradientTest {
    /** A step of this length along the gradient: third derivatives and float32 both leave less than the tolerance. */
    private static final double STEP = 1e-3;

    @Test
    void attentionOfTwoBlocks() {
        SiTConfig config = TinySiT.repa()
                .withTerms(new LossTerms(
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.of(new LossTerms.Attention(0.5, List.of(1, 3), List.of(4, 5), LossSchedule.ALWAYS)),
                        Optional.empty(),
                        Optional.empty(),
                        AutoStop.Rule.USUAL));

        verify(config, losses -> losses.terms().get("attention"));
    }

    @Test
    void alignmentAtTwoDepths() {
        SiTConfig two = TinySiT.plain().withAlignment(1, 20, List.of(TinySiT.ENCODER, TinySiT.ENCODER));

        verify(two.withAlignment(two.align().withDepths(List.of(1, 3))), SiTLosses::alignment);
    }

    private static void verify(SiTConfig config, Function<SiTLosses, NDArray> term) {
        Engine.getInstance().setRandomSeed(7);
        try (NDManager manager = NDManager.newBaseManager()) {
            SiT model = TinySiT.moved(config, manager);
            SiTLoss loss = new SiTLoss(model, Interpolant.LINEAR);
            NDArray tokens = manager.randomNormal(new Shape(TinySiT.N, 1 + TinySiT.T, TinySiT.ENCODER));
            Shape logits = new Shape(TinySiT.N, 2, 1 + TinySiT.T, 1 + TinySiT.T);
            SiTLossInput in = TinySiT.lossInput(config, manager, null)
                    .withTargets(Stream.generate(() -> tokens)
                            .limit(config.encoderWidths().size())
                            .toList())
                    .withContext(new SiTLossInput.Context(
                            0, Map.of(4, manager.randomNormal(logits), 5, manager.randomNormal(logits))));
            NDList weights = Weights.trainable(model);
            NDList gradients;
            try (GradMode recording = GradMode.on()) {
                gradients = Autograd.gradients(value(loss, in, term, manager), weights, manager);
            }
            double squares = 0;
            for (NDArray gradient : gradients) {
                squares += gradient.square().sum().getFloat();
            }
            double norm = Math.sqrt(squares);

            move(weights, gradients, STEP / norm);
            double above = value(loss, in, term, manager).getFloat();
            move(weights, gradients, -2 * STEP / norm);
            double below = value(loss, in, term, manager).getFloat();

            assertThat(norm).isGreaterThan(0.01);
            assertThat((above - below) / (2 * STEP)).isCloseTo(norm, within(5e-3 * norm));
        }
    }

    private static NDArray value(SiTLoss loss, SiTLossInput in, Function<SiTLosses, NDArray> term, NDManager manager) {
        return term.apply(loss.compute(new ParameterStore(manager, false), in));
    }

    private static void move(NDList weights, NDList gradients, double by) {
        try (GradMode editing = GradMode.off()) {
            for (int i = 0; i < weights.size(); i++) {
                weights.get(i).addi(gradients.get(i).mul((float) by));
            }
        }
    }
}
