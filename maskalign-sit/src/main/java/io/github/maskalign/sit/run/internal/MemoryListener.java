package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.engine.internal.DeviceMemory;
import io.github.maskalign.core.engine.internal.MemoryShortage;
import io.github.maskalign.core.engine.internal.ProcessStatus;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.internal.RoundedWeights;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainListener.StartKind;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.core.train.TrainState.StateMemory;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.RunConfig;
import java.util.LinkedHashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Says at the start what the training will take, by {@link StateMemory} and {@link ActivationMemory}, and after some steps what it takes. */
public final class MemoryListener implements TrainListener {
    private static final Logger LOG = LoggerFactory.getLogger(MemoryListener.class);

    /** The first steps fill caches and pools. */
    private static final int SETTLED = 3;

    private final RunConfig config;
    private final BatchPlan plan;
    private final boolean gpu;
    private final Map<String, Double> expected = new LinkedHashMap<>();
    private int steps;

    public MemoryListener(RunConfig config, BatchPlan plan) {
        this.config = config;
        this.plan = plan;
        gpu = config.runtime().device().equals("gpu");
    }

    /** Returns the expected numbers by the names of their metrics, in 10⁶ bytes; empty before the start. */
    public Map<String, Double> expected() {
        return expected;
    }

    @Override
    public void onStart(StartKind kind, TrainState state) {
        SiTConfig model = RunPlan.model(config);
        int samples = plan.microBatch(0, 0).count();
        Precision precision = config.runtime().precision().ofBlocks();
        long rounded = RoundedWeights.of(new SiT(model, precision)).stream()
                .mapToLong(weight -> weight.getShape().size())
                .sum();
        StateMemory fixed = StateMemory.of(state, plan.accumulation() > 1, rounded);
        long activations = ActivationMemory.bytes(
                model,
                precision,
                samples,
                mostKept(config, model),
                config.train().activationCheckpointing());
        put("weights", fixed.weights());
        put("gradients", fixed.gradients());
        put("moments", fixed.moments());
        put("averages", fixed.averages());
        put("update", fixed.update());
        put("activations", activations);
        if (EndToEndRun.isMeant(config)) {
            LOG.info("memory: what the autoencoder keeps for its gradients is not among the following activations");
        }
        LOG.info(
                "memory: weights {}, gradients {}, moments {}, {} {}, update {}, activations of {} {} about {}; together about {}{}",
                MemoryShortage.text(fixed.weights()),
                MemoryShortage.text(fixed.gradients()),
                MemoryShortage.text(fixed.moments()),
                state.extraEma().isEmpty() ? "average" : (1 + state.extraEma().size()) + " averages",
                MemoryShortage.text(fixed.averages()),
                MemoryShortage.text(fixed.update()),
                samples,
                samples == 1 ? "sample" : "samples",
                MemoryShortage.text(activations),
                MemoryShortage.text(fixed.total() + activations),
                config.train().asyncSave()
                        ? ", and "
                                + MemoryShortage.text(
                                        fixed.weights() - 2 * rounded + fixed.moments() + fixed.averages())
                                + " of the machine's for saving"
                        : "");
    }

    @Override
    public void onStep(StepResult result, TrainState state) {
        if (++steps != SETTLED) {
            return;
        }
        ProcessStatus.read()
                .ifPresent(status -> LOG.info(
                        "memory: the process has taken {} so far, Java and the engine's libraries included",
                        MemoryShortage.text(status.peakResidentBytes())));
        if (gpu && !state.weights().isEmpty()) {
            DeviceMemory.read(state.weights().values().iterator().next().getDevice())
                    .ifPresent(device -> LOG.info(
                            "memory: {} of the GPU's {} are taken",
                            MemoryShortage.text(device.usedBytes()),
                            MemoryShortage.text(device.totalBytes())));
        }
    }

    /** The largest number of patch tokens that a step of the run keeps. */
    static int mostKept(RunConfig config, SiTConfig model) {
        SubsetConfig subset = config.subset();
        if (subset.placement() == SubsetPlacement.NONE || subset.dropping().hasTail()) {
            return model.tokens();
        }
        boolean falls = switch (subset.dropping().schedule()) {
            case CONSTANT, UNIFORM_RANGE -> false;
            case COSINE, EXPONENTIAL, LINEAR -> true;
        };
        return subset.drawing()
                .kept(
                        model.tokens(),
                        falls
                                ? subset.dropping().scheduleMinRatio()
                                : subset.dropping().ratio());
    }

    private void put(String name, long bytes) {
        expected.put("memory/expected/" + name + "_mb", bytes * 1e-6);
    }
}
