package io.github.maskalign.core.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.data.internal.SampleBuffer.SampleRange;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.distributed.internal.GradientBuckets;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.core.train.AutoStop.Sides;
import io.github.maskalign.core.train.Objective.StepLosses;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures the angle that an {@link AutoStop} looks at, over the global batch of a step: gradients of both sides, summed over
 * micro-batches and ranks as those of a step are. Takes memory for two gradients of the model.
 */
final class GradientAngle {
    private static final Logger LOG = LoggerFactory.getLogger(GradientAngle.class);
    private static final ScriptFunction SUMS = ScriptFunction.of(TrainStep.class, "optimizer.py", "sums");

    private final NDList trained;
    private final BatchPlan plan;
    private final Agreement agreement;
    private final GradientBuckets buckets;

    GradientAngle(NDList trained, BatchPlan plan, Agreement agreement, GradientBuckets buckets) {
        this.trained = trained;
        this.plan = plan;
        this.agreement = agreement;
        this.buckets = buckets;
    }

    /**
     * Measures if the step that the state stands before is one that looks, and remembers what follows.
     *
     * @return numbers for the record of the step
     */
    Map<String, Double> look(AutoStop stop, TrainState state) {
        Map<String, Double> found = new LinkedHashMap<>();
        if (!stop.isDue(state.step())) {
            return found;
        }
        OptionalDouble measured = measure(stop, state);
        measured.ifPresent(cosine -> {
            stop.remember(stop.memory().after(cosine, state.step(), stop.rule()));
            state.remember(stop.memory());
            found.put("auto_stop/cosine", cosine);
        });
        found.put("auto_stop/stopped", stop.stopped() ? 1.0 : 0.0);
        if (stop.stopped() && agreement.ranks().isRoot()) {
            LOG.info(
                    "step {}: the terms with schedule AUTO stop for good, as the cosine of their gradient with the"
                            + " denoising loss's is {}",
                    state.step() + 1,
                    measured.orElseThrow());
        }
        return found;
    }

    private OptionalDouble measure(AutoStop stop, TrainState state) {
        try (NDManager scratch = state.manager().newSubManager()) {
            scratch.setName("angle of step " + state.step());
            NDList both = agreement.together(() -> gather(stop, state.step(), scratch));
            if (agreement.ranks().size() > 1) {
                both = exchanged(both, scratch);
            }
            int n = trained.size();
            return AutoStop.cosine(new NDList(both.subList(0, n)), new NDList(both.subList(n, 2 * n)), scratch);
        }
    }

    private NDList exchanged(NDList both, NDManager scratch) {
        try {
            return buckets.sum(both, scratch);
        } catch (CommunicationException e) {
            throw e;
        } catch (RuntimeException | Error e) { // the others wait in the sum: there is no word to tell them by
            throw new CommunicationException("the gradients could not be summed over the ranks: " + e.getMessage(), e);
        }
    }

    /** The gradients of the terms, then those of the denoising loss. */
    private NDList gather(AutoStop stop, long step, NDManager scratch) {
        NDList sum = new NDList();
        for (int j = 0; j < plan.accumulation(); j++) {
            try (NDManager micro = scratch.newSubManager();
                    GradMode recording = GradMode.on()) {
                SampleRange samples = plan.microBatch(step, j);
                Sides sides = stop.probe().of(micro, step, samples.first(), samples.count());
                NDList both = gradients(sides.terms(), samples.count(), scratch);
                both.addAll(gradients(sides.denoising(), samples.count(), scratch));
                if (sum.isEmpty()) {
                    sum = both;
                } else {
                    try (GradMode values = GradMode.off();
                            NDList before = sum;
                            both) {
                        sum = SUMS.callOn(scratch, before, both); // new memory: two gradients may be one array
                    }
                }
            }
        }
        return sum;
    }

    private NDList gradients(Supplier<StepLosses> side, int count, NDManager owner) {
        StepLosses losses = side.get();
        NDArray mean = losses.total();
        NDArray share = count == plan.globalBatch() ? mean : Autograd.divide(mean, (double) plan.globalBatch() / count);
        return losses.backward().gradients(share, trained, owner);
    }
}
