package io.github.maskalign.sit.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.training.loss.Loss;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTLoss;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import io.github.maskalign.sit.SiTObjective;
import io.github.maskalign.sit.SiTOutput;
import java.util.List;

/**
 * {@link SiTLoss} as a {@code Loss} of DJL's, over the batches of a {@link SiTDataset}.
 *
 * <pre>L = mean((v̂ − v*)²) + β · mean((v̂_cls − v*_cls)²) + λ · (−mean cos(Z, proj(h)))</pre>
 *
 * <p>Interpolation and draws are the data set's; the targets and the tokens that count are this loss's.
 */
public final class SiTTrainerLoss extends Loss {
    private final SiTLoss loss;

    /** Creates the loss of an objective, with its weights β and λ. */
    public SiTTrainerLoss(SiTObjective objective) {
        super("SiTLoss");
        loss = objective.loss();
        if (loss.model().config().subset().placement() == SubsetPlacement.MASKED_PASS) {
            throw new IllegalArgumentException(
                    "subset.placement MASKED_PASS has two passes a step, and DJL's Trainer makes"
                            + " one: train with SiTTraining");
        }
    }

    /**
     * Returns the loss of a batch.
     *
     * @param labels of a {@link SiTDataset}
     * @param predictions what the model says about the batch's data
     */
    @Override
    public NDArray evaluate(NDList labels, NDList predictions) {
        return losses(labels, predictions).total();
    }

    /** Returns the parts of the loss as well. */
    public SiTLosses losses(NDList labels, NDList predictions) {
        SiTConfig config = loss.model().config();
        int next = 4;
        List<NDArray> targets = List.of();
        if (config.needsEncoder()) {
            targets = List.of(labels.get(next++)); // (N, 1+T, Z)
        }
        NDArray classNoise = config.hasClassToken() ? labels.get(next++) : null; // (N, Z)
        NDArray keep = labels.size() > next ? labels.get(next) : null; // (N, K)
        SiTLossInput in = new SiTLossInput(
                labels.get(0),
                labels.get(1),
                labels.get(2),
                labels.get(3),
                targets,
                classNoise,
                keep,
                null,
                SiTLossInput.Context.FIRST);
        return loss.of(SiTOutput.of(predictions, config), in);
    }
}
