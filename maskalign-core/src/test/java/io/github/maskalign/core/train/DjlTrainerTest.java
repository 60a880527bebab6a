package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import io.github.maskalign.core.nn.AdaLnZeroBlock;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import org.junit.jupiter.api.Test;

/** Our blocks are DJL blocks: DJL's own trainer, loss and optimiser train them too. */
class DjlTrainerTest {
    @Test
    void scriptedBlockLearnsUnderDjlsTrainer() {
        try (Model model = Model.newInstance("block", "PyTorch")) {
            model.setBlock(new AdaLnZeroBlock(8, 2, 2, false, Precision.FLOAT32));
            DefaultTrainingConfig config = new DefaultTrainingConfig(Loss.l2Loss())
                    .optDevices(new ai.djl.Device[] {ai.djl.Device.cpu()})
                    .optOptimizer(Optimizer.adam()
                            .optLearningRateTracker(Tracker.fixed(1e-2f))
                            .build());
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(4, 3, 8), new Shape(4, 8));
                float first = 0;
                float last = 0;
                for (int i = 0; i < 60; i++) {
                    last = step(trainer, i);
                    first = i == 0 ? last : first;
                }

                assertThat(last).isLessThan(0.7f * first);
            }
        }
    }

    private static float step(Trainer trainer, int step) {
        Draws draws = new Draws(7);
        try (NDManager scratch = trainer.getManager().newSubManager();
                GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
            NDArray x = scratch.create(draws.normal(RandomStream.NOISE, step, 1, 96), new Shape(4, 3, 8))
                    .duplicate();
            NDArray c = scratch.create(draws.normal(RandomStream.CLASS_NOISE, step, 1, 32), new Shape(4, 8))
                    .duplicate();
            NDList y = trainer.forward(new NDList(x, c));
            NDArray loss = trainer.getLoss().evaluate(new NDList(x.flip(2).mul(0.5f)), y);
            collector.backward(loss);
            trainer.step();
            return loss.getFloat();
        }
    }
}
