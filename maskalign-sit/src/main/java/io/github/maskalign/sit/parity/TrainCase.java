package io.github.maskalign.sit.parity;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.Objective.StepLosses;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.core.train.TrainStep;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTLoss;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Some training steps with given draws: losses and gradient norms on the way, weights and their average at the end.
 *
 * <p>The key third of a {@code attn.qkv.bias} has no gradient but rounding, which Adam makes a step of full length, so it
 * is left out.
 */
final class TrainCase implements Objective {
    private static final List<String> NORMS = List.of("norm", "grad_norm");

    private final CaseFile file;
    private final SiT model;
    private final SiTLoss loss;
    private final ParameterStore store;
    private final int first;

    private TrainCase(CaseFile file, SiT model) throws IOException {
        this.file = file;
        this.model = model;
        loss = LossCase.loss(file, model);
        store = new ParameterStore(file.manager(), false);
        first = file.under("step0/").isEmpty() ? 1 : 0; // steps are counted from 0 or from 1
    }

    static void compute(CaseFile file) throws IOException {
        SiT model = file.model();
        OptimConfig optim = OptimConfig.PAPER
                .withLr(file.number("lr"))
                .withWeightDecay(file.number("wd"), true)
                .withClipNorm(file.number("clip"))
                .withEmaDecay(file.number("decay"));
        TrainCase objective = new TrainCase(file, model);
        try (TrainState state = new TrainState(file.manager(), objective.parameters())) {
            TrainStep step = new TrainStep(objective, state, optim, objective.batch(), 1);
            int steps = file.whole("steps");
            for (int k = 0; k < steps; k++) {
                objective.compareStep(k, step.run());
            }
            Set<String> trained = Set.copyOf(state.trainedKeys());
            objective.compareWeights("after/", state.weights(), trained);
            objective.compareWeights("ema/", state.ema(), trained);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    @Override
    public Map<String, Parameter> parameters() {
        return ParameterKeys.of(model);
    }

    @Override
    public StepLosses loss(NDManager scratch, long step, long firstPosition, int count) {
        try {
            SiTLosses losses =
                    loss.compute(store, LossCase.inputs(file, model.config(), places(step, CaseFile.INPUTS), scratch));
            Map<String, NDArray> parts = new LinkedHashMap<>(LossCase.named(losses));
            parts.remove("total");
            return new StepLosses(losses.total(), parts, 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Where tensors of a step may lie: in a folder of their kind, in the step's own, or once for all steps. */
    private List<String> places(long step, String kind) {
        String own = "step" + (first + step) + "/";
        return List.of(own + kind, own, kind);
    }

    private int batch() throws IOException {
        String clean = LossCase.find(file, places(0, CaseFile.INPUTS), "clean");
        if (clean == null) {
            throw file.problem("there is no tensor step" + first + "/clean");
        }
        return Math.toIntExact(file.shape(clean).get(0));
    }

    private void compareStep(int step, StepResult result) throws IOException {
        List<String> places = places(step, CaseFile.OUTPUTS).subList(0, 2);
        Map<String, Double> losses = new LinkedHashMap<>(result.parts());
        losses.put("total", result.loss());
        losses.put("loss", result.loss());
        NORMS.forEach(name -> losses.put(name, result.gradNorm()));
        for (Map.Entry<String, Double> each : losses.entrySet()) {
            String name = LossCase.find(file, places, each.getKey());
            if (name != null) {
                file.scalar(name, each.getValue());
            }
        }
    }

    private void compareWeights(String prefix, Map<String, NDArray> found, Set<String> trained) throws IOException {
        for (Map.Entry<String, NDArray> each : found.entrySet()) {
            String key = each.getKey();
            String name = prefix + key;
            if (ModelCase.hasRoundingAlone(key) || !trained.contains(key) && !file.has(name)) {
                continue;
            }
            if (!key.endsWith("attn.qkv.bias")) {
                file.output(name, each.getValue());
                continue;
            }
            double[] ours = CaseFile.values(each.getValue()); // (3 D): q, k, v
            double[] theirs = file.doubles(name);
            if (ours.length != theirs.length) {
                throw file.problem(name + " must have " + ours.length + " numbers but has " + theirs.length);
            }
            int third = ours.length / 3;
            for (int part : new int[] {0, 2}) {
                file.output(
                        name + "[" + part * third + ":" + (part + 1) * third + "]",
                        Arrays.copyOfRange(ours, part * third, (part + 1) * third),
                        Arrays.copyOfRange(theirs, part * third, (part + 1) * third));
            }
        }
    }
}
