package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Batch;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.Batchifier;
import io.github.maskalign.core.align.AlignmentLoss;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The model as a plain DJL block: DJL's own model, trainer, loss, optimiser and saved parameters. */
class SiTTrainerTest {
    private static final int SEED = 53;

    @Test
    void djlTrainerLowersTheLoss() {
        try (Model model = Model.newInstance("sit", Device.cpu())) {
            model.getNDManager().getEngine().setRandomSeed(SEED);
            SiTConfig config = TinySiT.reg().withOptions(4, 0, false, false);
            model.setBlock(new SiT(config));
            DefaultTrainingConfig training = new DefaultTrainingConfig(new JointLoss())
                    .optDevices(new Device[] {Device.cpu()})
                    .optOptimizer(Optimizer.adam()
                            .optLearningRateTracker(Tracker.fixed(3e-3f))
                            .build());
            List<Float> losses = new ArrayList<>();
            float ofZero = 0;

            try (Trainer trainer = model.newTrainer(training)) {
                trainer.initialize(
                        new Shape(TinySiT.N, 3, 6, 6),
                        new Shape(TinySiT.N),
                        new Shape(TinySiT.N),
                        new Shape(TinySiT.N, TinySiT.ENCODER));
                float[] positions =
                        Weights.of(model.getBlock()).get("pos_embed").toFloatArray();
                for (int step = 0; step < 12; step++) {
                    try (Batch batch = batch(trainer.getManager().newSubManager(), config)) {
                        losses.add(loss(trainer, batch));
                        ofZero = squares(batch.getLabels().get(0))
                                + squares(batch.getLabels().get(1));
                        EasyTrain.trainBatch(trainer, batch);
                        trainer.step();
                    }
                }
                assertThat(Weights.of(model.getBlock()).get("pos_embed").toFloatArray())
                        .isEqualTo(positions);
            }
            float first = losses.get(0);
            float last = losses.get(losses.size() - 1);
            // a fresh model predicts 0 for both velocities, and the cosine of unrelated tokens is small
            assertThat(first).isCloseTo(ofZero, within(0.3f));
            assertThat(last).isLessThan(first - 1f);
        }
    }

    private static float squares(NDArray target) {
        return target.square().mean().getFloat();
    }

    private static float loss(Trainer trainer, Batch batch) {
        return trainer.getLoss()
                .evaluate(batch.getLabels(), trainer.evaluate(batch.getData()))
                .getFloat();
    }

    /** The same batch each time: a model that learns at all learns it by heart. */
    private static Batch batch(NDManager manager, SiTConfig config) {
        manager.getEngine().setRandomSeed(SEED + 1);
        SiTLossInput in = TinySiT.lossInput(config, manager, null);
        NDArray t = in.t().reshape(TinySiT.N, 1, 1, 1);
        NDArray x = in.clean().mul(t.mul(-1).add(1)).add(in.noise().mul(t));
        NDArray classNoise = in.classNoise();
        assertThat(classNoise).isNotNull();
        NDArray classToken = in.targets().get(0).get(":, 0");
        NDArray s = in.t().reshape(TinySiT.N, 1);
        NDArray noisedClass = classToken.mul(s.mul(-1).add(1)).add(classNoise.mul(s));
        NDList data = new NDList(x, in.t(), in.y(), noisedClass);
        NDList labels = new NDList(
                in.noise().sub(in.clean()),
                classNoise.sub(classToken),
                in.targets().get(0));
        return new Batch(manager, data, labels, TinySiT.N, Batchifier.STACK, Batchifier.STACK, 0, 1);
    }

    /** Velocity, class velocity and alignment over the model's output list, as one DJL loss. */
    private static final class JointLoss extends Loss {
        private final AlignmentLoss alignment = new AlignmentLoss();

        JointLoss() {
            super("joint");
        }

        @Override
        public NDArray evaluate(NDList labels, NDList predictions) {
            NDArray velocity = predictions.get(0).sub(labels.get(0)).square().mean();
            NDArray classVelocity =
                    predictions.get(1).sub(labels.get(1)).square().mean();
            NDArray aligned = alignment.evaluate(labels.subNDList(2), predictions.subNDList(2));
            return velocity.add(classVelocity).add(aligned);
        }
    }
}
