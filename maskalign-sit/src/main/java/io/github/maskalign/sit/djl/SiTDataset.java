package io.github.maskalign.sit.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.Dataset;
import ai.djl.translate.Batchifier;
import ai.djl.util.Progress;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTObjective;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * The batches of a training as a {@code Dataset} of DJL's, for {@code EasyTrain} or a {@code Trainer} of your own.
 *
 * <pre>{@code
 * SiTObjective objective = SiTTraining.builder().setModel(config).setData(samples).setSteps(400).setBatch(32)
 *         .optEncoder(encoder).buildObjective(model.getNDManager());
 * model.setBlock(objective.model());
 * TrainingConfig how = new DefaultTrainingConfig(new SiTTrainerLoss(objective)).optOptimizer(adam);
 * try (Trainer trainer = model.newTrainer(how)) {
 *     EasyTrain.fit(trainer, 10, new SiTDataset(objective, 32), null);
 * }
 * }</pre>
 *
 * <p>Samples, noise, timesteps, label drops and token subsets are those that {@link io.github.maskalign.sit.SiTTraining}
 * draws at the same step: functions of seed and position, none of DJL's. The data are what
 * {@link io.github.maskalign.sit.SiT} takes as a block, noised, with kept tokens and dropped labels; the labels are what
 * {@link SiTTrainerLoss} needs. A pass has as many steps as the data fill batches, at least one, and the next pass goes
 * on where it ended.
 *
 * <p>What a training by DJL lacks: averaged weights (EMA), saved moments and with them resuming to the bit, clipping by
 * the norm over all weights, skipping of steps that are not finite, accumulation, several processes, and AdamW as PyTorch
 * computes it. {@link io.github.maskalign.sit.SiTTraining} has all of these.
 */
public final class SiTDataset implements Dataset {
    private final SiTObjective objective;
    private final int batch;
    private final int stepsOfPass;
    private long step;

    /**
     * Starts with step 0.
     *
     * @param objective data, encoder, subsets and random numbers
     * @param batch samples of a step, at least 1: the builder's, which decides how subsets are drawn
     * @throws IllegalArgumentException for a model with features, of whose steps DJL's trainer knows too little
     */
    public SiTDataset(SiTObjective objective, int batch) {
        this(objective, batch, 0);
    }

    /**
     * Starts with another step, at least 0, whose numbers are drawn as if all before had been taken.
     *
     * @param objective data, encoder, subsets and random numbers
     * @param batch samples of a step, at least 1
     */
    public SiTDataset(SiTObjective objective, int batch, long firstStep) {
        if (batch < 1 || firstStep < 0) {
            throw new IllegalArgumentException(
                    "batch must be at least 1 and firstStep at least 0 but were " + batch + " and " + firstStep);
        }
        if (objective.model().config().featureChannels() > 0) {
            throw new IllegalArgumentException(
                    "a model with terms.features cannot be trained by DJL, whose loss is not told"
                            + " which steps do without features: train it with SiTTraining");
        }
        this.objective = objective;
        this.batch = batch;
        step = firstStep;
        stepsOfPass = Math.toIntExact(Math.max(1, objective.data().size() / batch));
        objective.follow(new BatchPlan(batch, 1, 0, 1));
    }

    /** Returns the number of the next step. */
    public long step() {
        return step;
    }

    @Override
    public void prepare(@Nullable Progress progress) {
        // opened with the objective
    }

    @Override
    public Iterable<Batch> getData(NDManager manager) {
        return () -> new Iterator<>() {
            private int taken;

            @Override
            public boolean hasNext() {
                return taken < stepsOfPass;
            }

            @Override
            public Batch next() {
                if (!hasNext()) {
                    throw new NoSuchElementException("the pass has " + stepsOfPass + " steps");
                }
                Batch next = batch(manager.newSubManager(), taken);
                taken++;
                step++;
                return next;
            }
        };
    }

    private Batch batch(NDManager owner, int taken) {
        SiTLossInput in = objective.input(owner, step, step * batch, batch);
        NDList data = objective.loss().noised(in).toNDList();
        NDList labels = new NDList(in.clean(), in.noise(), in.t(), in.y());
        labels.addAll(in.targets());
        for (NDArray optional : new NDArray[] {in.classNoise(), in.keep()}) {
            if (optional != null) {
                labels.add(optional);
            }
        }
        return new Batch(owner, data, labels, batch, Batchifier.STACK, Batchifier.STACK, taken, stepsOfPass);
    }
}
