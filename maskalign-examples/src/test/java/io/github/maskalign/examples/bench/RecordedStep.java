package io.github.maskalign.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.script.ScriptRecording;
import io.github.maskalign.core.script.ScriptRecording.RecordedCall;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.core.train.TrainStep;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTLoss;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The script functions that a {@link TrainStep} of a SiT calls, in their order, as they would be called on a GPU.
 *
 * <p>Names of arrays are {@code input.NAME}, {@code weight.KEY}, {@code exp_avg.KEY}, {@code exp_avg_sq.KEY},
 * {@code ema.KEY}, {@code constant.decays}, or those of results.
 *
 * @param forward the calls under gradient mode, up to the gradients
 * @param update the calls that use them
 * @param inputs shapes and types of the batch, by name
 * @param losses names of the total loss and of its parts, by what logs call them
 * @param gradients names of the gradients, by weight
 */
record RecordedStep(
        List<RecordedCall> forward,
        List<RecordedCall> update,
        Map<String, NDArrayKind> inputs,
        Map<String, String> losses,
        Map<String, String> gradients) {

    /** What AdamW is bound to on a GPU, and not where this is recorded: no blocks for a cache. */
    private static final Map<String, Integer> ON_GPU = Map.of("block", 0);

    private static final Pattern UNKNOWN = Pattern.compile("(\\w+)\\.(\\w+?)(?:\\[(\\d+)\\])?");
    private static final Pattern NAME = Pattern.compile("(?:[a-z_]+\\.)?[\\w.]+(?:\\[\\d+\\])?");

    /** Shape and type of an array. */
    record NDArrayKind(Shape shape, DataType type) {}

    /**
     * Takes one step with random numbers and records it.
     *
     * @param config model; what is recorded does not depend on its widths
     * @throws IllegalStateException if the step gives a function an array that this class has no name for
     */
    static RecordedStep of(SiTConfig config, Precision precision, OptimConfig optim, int batch) {
        if (optim.adam().weightDecay() != 0 || !optim.extraEmaDecays().isEmpty()) {
            throw new IllegalArgumentException("a recorded step has neither weight decay nor more than one average");
        }
        SiT model = new SiT(config, precision);
        try (NDManager manager = NDManager.newBaseManager();
                ScriptRecording recording = new ScriptRecording()) {
            model.initialize(manager);
            Recorded objective = new Recorded(model, recording);
            try (TrainState state = new TrainState(manager, objective.parameters())) {
                state.weights().forEach((key, array) -> recording.name(array, "weight." + key));
                state.expAvg().forEach((key, array) -> recording.name(array, "exp_avg." + key));
                state.expAvgSq().forEach((key, array) -> recording.name(array, "exp_avg_sq." + key));
                state.ema().forEach((key, array) -> recording.name(array, "ema." + key));
                new TrainStep(objective, state, optim, batch, 1).run();
                return objective.recorded(recording.calls(ON_GPU), new Roles(state, objective.losses));
            }
        }
    }

    /** Draws a batch of random numbers: what {@code SiTObjective} gives the loss. */
    static SiTLossInput batch(SiTConfig config, NDManager manager, int count, long seed) {
        int side = config.model().inputSize();
        Shape latents = new Shape(count, config.model().inChannels(), side, side);
        long[] labels = new long[count];
        float[] dropped = new float[count];
        for (int i = 0; i < count; i++) {
            labels[i] = (seed + i) % config.model().numClasses();
            dropped[i] = i % 2;
        }
        List<NDArray> targets = new ArrayList<>();
        int encoders = Math.max(config.encoderWidths().size(), config.hasClassToken() ? 1 : 0);
        for (int i = 0; i < encoders; i++) {
            int width = config.encoderWidths().isEmpty()
                    ? config.classTokenWidth()
                    : config.encoderWidths().get(i);
            targets.add(manager.randomNormal(new Shape(count, 1 + config.tokens(), width)));
        }
        NDArray keep = new TokenSubsetSampler(config.subset(), new Draws(seed), 1)
                .draw(0, 0, count, config.tokens())
                .map(subset -> subset.toNDArray(manager))
                .orElse(null);
        return new SiTLossInput(
                manager.randomNormal(latents),
                manager.randomNormal(latents),
                manager.randomUniform(0, 1, new Shape(count)),
                manager.create(labels).duplicate(), // an array made of Java memory would borrow it
                targets,
                config.hasClassToken() ? manager.randomNormal(new Shape(count, config.classTokenWidth())) : null,
                keep,
                manager.create(dropped).duplicate(),
                SiTLossInput.Context.FIRST);
    }

    /** The arrays of a batch by name. */
    static Map<String, NDArray> arrays(SiTLossInput in) {
        Map<String, NDArray> out = new LinkedHashMap<>();
        out.put("clean", in.clean());
        out.put("noise", in.noise());
        out.put("t", in.t());
        out.put("y", in.y());
        for (int i = 0; i < in.targets().size(); i++) {
            out.put("target" + i, in.targets().get(i));
        }
        put(out, "classNoise", in.classNoise());
        put(out, "keep", in.keep());
        put(out, "dropped", in.dropped());
        return out;
    }

    private static void put(Map<String, NDArray> out, String name, @Nullable NDArray array) {
        if (array != null) {
            out.put(name, array);
        }
    }

    /** The objective of {@code SiTObjective}, with a batch at hand. */
    private static final class Recorded implements Objective {
        private final SiT model;
        private final SiTLoss loss;
        private final ScriptRecording recording;
        private final Map<String, NDArrayKind> inputs = new LinkedHashMap<>();
        private final Map<String, String> losses = new LinkedHashMap<>();

        Recorded(SiT model, ScriptRecording recording) {
            this.model = model;
            this.recording = recording;
            loss = new SiTLoss(model, DiffusionConfig.defaults().path());
        }

        @Override
        public Map<String, Parameter> parameters() {
            return ParameterKeys.of(model);
        }

        @Override
        public StepLosses loss(NDManager scratch, long step, long first, int count) {
            SiTLossInput in;
            try (GradMode constants = GradMode.off()) {
                in = batch(model.config(), scratch, count, 1);
            }
            arrays(in).forEach((name, array) -> {
                recording.name(array, "input." + name);
                inputs.put(name, new NDArrayKind(array.getShape(), array.getDataType()));
            });
            SiTLosses out = loss.compute(new ParameterStore(scratch, false), in);
            losses.put("total", recording.nameOf(out.total()));
            out.parts().forEach((name, part) -> losses.put(name, recording.nameOf(part)));
            return new StepLosses(out.total(), out.parts());
        }

        RecordedStep recorded(List<RecordedCall> all, Roles roles) {
            int end = 0;
            while (!all.get(end).function().equals("gradients")) {
                end++;
            }
            List<RecordedCall> calls = all.stream()
                    .map(call -> new RecordedCall(
                            call.function(),
                            call.archive(),
                            call.parameters(),
                            IntStream.range(0, call.arguments().size())
                                    .mapToObj(
                                            i -> call.parameters().get(i).name().equals("clipped")
                                                    ? "True" // decided anew in each step; a factor of 1 changes no bit
                                                    : eachName(call.arguments().get(i), roles))
                                    .toList(),
                            call.results(),
                            call.list()))
                    .toList();
            List<RecordedCall> update = calls.subList(end + 1, calls.size());
            boolean counts = update.stream()
                    .anyMatch(call ->
                            call.parameters().stream().anyMatch(p -> p.name().equals("update")));
            if (!counts) {
                throw new IllegalStateException("no function of the update has the parameter 'update', by which"
                        + " scripts/gpu/first_run.py tells it the number of the step: "
                        + update.stream().map(RecordedCall::function).toList());
            }
            Map<String, String> gradients = new LinkedHashMap<>();
            List<String> found = calls.get(end).results();
            for (int i = 0; i < found.size(); i++) {
                gradients.put(roles.trained.get(i), found.get(i));
            }
            return new RecordedStep(calls.subList(0, end + 1), update, inputs, losses, gradients);
        }

        private static String eachName(String argument, UnaryOperator<String> roles) {
            Matcher names = NAME.matcher(argument);
            return argument.startsWith("[") || !argument.matches("[-\\d].*|True|False")
                    ? names.replaceAll(name -> Matcher.quoteReplacement(roles.apply(name.group())))
                    : argument;
        }
    }

    /** Names what AdamW holds of its own: handles of weights and losses that share memory with what has a name. */
    private record Roles(List<String> trained, List<String> all, List<String> losses) implements UnaryOperator<String> {
        Roles(TrainState state, Map<String, String> losses) {
            this(state.trainedKeys(), averaged(state), List.copyOf(losses.values()));
        }

        /** All weights as AdamW averages them, those with a gradient in front. */
        private static List<String> averaged(TrainState state) {
            Set<String> keys = new LinkedHashSet<>(state.trainedKeys());
            keys.addAll(state.weights().keySet());
            return List.copyOf(keys);
        }

        @Override
        public String apply(String name) {
            if (name.matches("v\\d+|(input|weight|exp_avg|exp_avg_sq|ema)\\..*")) {
                return name;
            }
            Matcher unknown = UNKNOWN.matcher(name);
            if (!unknown.matches()) {
                throw new IllegalStateException("the recording has no array named " + name);
            }
            int at = unknown.group(3) == null ? 0 : Integer.parseInt(unknown.group(3));
            return switch (unknown.group(2)) {
                case "trained", "decayed" -> "weight." + trained.get(at);
                case "averaged" -> "weight." + all.get(at);
                case "losses" -> losses.get(at);
                case "decays" -> "constant.decays";
                default ->
                    throw new IllegalStateException("script function " + unknown.group(1)
                            + " was given an array for " + unknown.group(2)
                            + " that is neither input, weight, state nor"
                            + " result of a script function: give it a name in RecordedStep, or make it by a function");
            };
        }
    }
}
