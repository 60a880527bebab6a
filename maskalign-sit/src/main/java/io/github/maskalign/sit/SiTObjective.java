package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.align.TokenSubset;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.data.LatentData.TokenChoice;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.nn.internal.Recomputation;
import io.github.maskalign.core.nn.internal.RoundedWeights;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.Autograd.Differentiation;
import io.github.maskalign.core.train.AutoStop;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.Objective.StepLosses;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLossInput.MaskedPass;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Trains a SiT: fetches samples, draws every random number by position and computes {@link SiTLoss}.
 *
 * <p>Each kind of number has its stream (timesteps, noise, label dropout, class-token noise, subsets, path dropout, times of the
 * moving average, steps without features, noise and label dropout of a second pass), so a run with subsets and one without share everything else.
 */
public final class SiTObjective implements Objective {
    private final SiT model;
    private final SiTLoss loss;
    private final TrainingData data;
    private final List<RepresentationEncoder> encoders;
    private final DiffusionConfig times;
    private final TokenSubsetSampler subsets;
    private final StepInputs inputs;
    private final ParameterStore store;
    private final @Nullable RoundedWeights rounded;
    private final Map<String, Parameter> parameters;
    private final int checkpointing;
    private @Nullable SelfTeacher teacher;
    private long roundedAt = -1;
    private final StoppingTerms stopping;
    private final FeatureGroup features;
    private final @Nullable AutoStop autoStop;
    private boolean gradual;

    /**
     * Creates the objective.
     *
     * @param loss the loss over an initialised model
     * @param times how training times are drawn; their path is that of the loss
     * @param data training samples
     * @param encoder gives the clean-image tokens; needed if the model aligns or has a class token and they do not
     *     come with the data
     * @param subsets draws the kept tokens, for the placement that the model has; its random numbers are the run's
     * @throws IllegalArgumentException if the encoder is missing or its width is not the model's, or if model and
     *     subsets differ in their placement or route
     */
    public SiTObjective(
            SiTLoss loss,
            DiffusionConfig times,
            TrainingData data,
            @Nullable RepresentationEncoder encoder,
            TokenSubsetSampler subsets) {
        this(loss, times, data, encoder == null ? List.of() : List.of(encoder), subsets, 0);
    }

    /** Creates an objective with any number of encoders, the first of which gives class token and attention. */
    SiTObjective(
            SiTLoss loss,
            DiffusionConfig times,
            TrainingData data,
            List<RepresentationEncoder> encoders,
            TokenSubsetSampler subsets,
            int activationCheckpointing) {
        SiT model = loss.model();
        SiTConfig config = model.config();
        requireTokens(config, data, encoders);
        config.requirePlacement(subsets.config());
        subsets.config().requireTokensLeft(config.tokens());
        this.model = model;
        this.loss = loss;
        this.times = times;
        this.data = data;
        this.encoders = config.needsEncoder() ? List.copyOf(encoders) : List.of();
        this.subsets = subsets;
        parameters = ParameterKeys.of(model);
        NDManager owner = parameters.values().iterator().next().getArray().getManager();
        rounded = model.roundedWeights();
        store = rounded == null ? new ParameterStore(owner, false) : rounded;
        inputs = new StepInputs(data, loss, times, subsets, owner.getDevice());
        checkpointing = activationCheckpointing;
        stopping = loss.stoppingTerms();
        features = new FeatureGroup(config, data.featureBasis(), owner);
        autoStop = stopping.exist() ? new AutoStop(config.terms().autoStop(), this::sides) : null;
    }

    /**
     * Returns the same objective with other use of memory.
     *
     * @param every 0 keeps what the blocks compute for the backward pass; 1 computes it again in every block, 2 in
     *     every second one, and so on, see {@link Recomputation}; the gradients are the same
     */
    public SiTObjective withActivationCheckpointing(int every) {
        if (every < 0) {
            throw new IllegalArgumentException("activationCheckpointing must be at least 0 but was " + every);
        }
        SiTObjective other = new SiTObjective(loss, times, data, encoders, subsets, every);
        other.teacher = teacher;
        return other;
    }

    /** Returns the model that is trained. */
    public SiT model() {
        return model;
    }

    @Override
    public Map<String, Parameter> parameters() {
        return parameters;
    }

    @Override
    public void begin(TrainState state) {
        roundedAt = -1;
        if (model.config().terms().selfAlign().isPresent()) {
            teacher = new SelfTeacher(loss, state.ema());
        }
    }

    @Override
    public void preferGradual() {
        gradual = true;
    }

    @Override
    public void follow(BatchPlan plan) {
        inputs.follow(plan);
    }

    @Override
    public Optional<AutoStop> autoStop() {
        return Optional.ofNullable(autoStop);
    }

    @Override
    public StepLosses loss(NDManager scratch, long step, long first, int count) {
        if (model.config().terms().endToEnd().isPresent()) {
            throw new IllegalStateException(
                    "terms.endToEnd trains an autoencoder along, which EndToEndObjective does and not this objective");
        }
        Drawn drawn = drawn(scratch, step, first, count);
        return computed(drawn, SiTLosses::total, true);
    }

    /** Computes the loss, of which some number is differentiated. */
    StepLosses computed(Drawn drawn, Function<SiTLosses, NDArray> root, boolean logged) {
        round(drawn.input.context().step());
        Recomputation blocks = blocks();
        SiTLosses losses = loss.compute(store, drawn.input, blocks == null ? BlockRunner.PLAIN : blocks);
        NDArray total = root.apply(losses);
        Map<String, NDArray> parts = logged ? losses.parts() : Map.of();
        Differentiation backward = blocks == null ? Autograd::gradients : blocks;
        return new StepLosses(total, parts, drawn.dataSeconds, rounded == null ? backward : rounded.around(backward));
    }

    /** Rounds the weights once a step: they change between steps alone. */
    void round(long step) {
        if (rounded != null && step != roundedAt) {
            rounded.refresh();
            roundedAt = step;
        }
    }

    /** How the blocks of a pass are run; null for as they are. */
    private @Nullable Recomputation blocks() {
        if (checkpointing > 0) {
            return new Recomputation(checkpointing);
        }
        return gradual ? Recomputation.ofNothing() : null;
    }

    /** What is compared to see whether terms stop. */
    private AutoStop.Sides sides(NDManager scratch, long step, long first, int count) {
        Drawn drawn = drawn(scratch, step, first, count);
        return new AutoStop.Sides(
                () -> computed(drawn, stopping::sum, false), () -> computed(drawn, stopping::denoising, false));
    }

    /**
     * Returns what the loss of some samples is computed from, every random number drawn.
     *
     * @param scratch owner of the arrays
     * @param step number of the step, the first is 0, see {@link Objective#loss}
     * @param first position of the first sample
     * @param count number of samples, at least 1
     */
    public SiTLossInput input(NDManager scratch, long step, long first, int count) {
        return drawn(scratch, step, first, count).input;
    }

    /** Returns where the model's arrays come from. */
    ParameterStore store() {
        return store;
    }

    /** Returns the loss over the model. */
    public SiTLoss loss() {
        return loss;
    }

    /** Returns the samples. */
    public TrainingData data() {
        return data;
    }

    /**
     * A batch, and what reading its samples took.
     *
     * @param arrays what was read and drawn, see {@link StepInputs#of}
     */
    record Drawn(SiTLossInput input, Map<String, NDArray> arrays, double dataSeconds) {}

    Drawn drawn(NDManager scratch, long step, long first, int count) {
        long start = System.nanoTime();
        try (GradMode constants = GradMode.off()) {
            Map<String, NDArray> arrays = inputs.of(scratch, step, first, count);
            SiTLossInput drawn = input(arrays, step);
            double dataSeconds =
                    (System.nanoTime() - start) * 1e-9; // the encoder is part of the work, not of the waiting
            SiTLossInput encoded = features.add(withEncoder(drawn, arrays));
            return new Drawn(withTeacher(encoded, arrays), arrays, dataSeconds);
        }
    }

    /** Adds what the moving average says, as far as the loss of this step looks at it. */
    private SiTLossInput withTeacher(SiTLossInput in, Map<String, NDArray> arrays) {
        if (model.config().terms().weight("selfAlign", in.context()) == 0) {
            return in;
        }
        SelfTeacher average = teacher;
        if (average == null) {
            throw new IllegalStateException("terms.selfAlign follows the moving average of a TrainState, and this"
                    + " objective has seen none: train with SiTTraining or a TrainStep, or call begin");
        }
        NDArray time = StepInputs.required(arrays, "teacherTime");
        return in.withContext(in.context().withSelfTeacher(average.hidden(in, time)));
    }

    private SiTLossInput input(Map<String, NDArray> arrays, long step) {
        SiTLossInput.Context context = new SiTLossInput.Context(step, Map.of(), autoStop != null && autoStop.stopped())
                .withFeaturesDropped(features.dropped(subsets.draws(), step));
        NDArray keep = arrays.get("keep");
        NDArray noise = arrays.get("maskedNoise");
        if (keep != null && noise != null) {
            context = context.withMaskedPass(new MaskedPass(noise, keep, arrays.get("maskedDropped")));
            keep = null;
        }
        return new SiTLossInput(
                StepInputs.required(arrays, "latents"),
                StepInputs.required(arrays, "noise"),
                StepInputs.required(arrays, "t"),
                StepInputs.required(arrays, "labels"),
                List.of(),
                arrays.get("classNoise"),
                keep,
                arrays.get("dropped"),
                context,
                arrays.get("pathDropped"));
    }

    /** Adds what the encoder says, as far as the loss of this step looks at it. */
    private SiTLossInput withEncoder(SiTLossInput drawn, Map<String, NDArray> arrays) {
        SiTConfig config = model.config();
        SiTLossInput.Context context = drawn.context();
        if (!loss.needsTargets(context)) {
            return drawn;
        }
        if (encoders.isEmpty()) {
            NDArray known = arrays.get("tokens"); // (N, 1+T, Z)
            if (known == null) {
                throw new IllegalStateException("the training data says it has encoder tokens but gave none");
            }
            return drawn.withTargets(forProjectors(List.of(known)));
        }
        NDArray images = arrays.get("images");
        if (images == null) {
            throw new IllegalStateException("the training data has no pictures for the encoder");
        }
        List<Integer> attended = config.terms().attentionTaps(context).isEmpty()
                ? List.of()
                : config.terms().attention().orElseThrow().encoderBlocks();
        RepresentationEncoder first = encoders.get(0);
        EncoderTokens tokens = attended.isEmpty() ? first.encode(images) : first.encode(images, attended);
        List<NDArray> all = new ArrayList<>(List.of(together(tokens)));
        encoders.stream().skip(1).forEach(encoder -> all.add(together(encoder.encode(images))));
        return drawn.withTargets(forProjectors(all)).withContext(context.withAttention(tokens.attention()));
    }

    private static NDArray together(EncoderTokens tokens) {
        return NDArrays.concat(new NDList(tokens.classToken().expandDims(1), tokens.patchTokens()), 1); // (N, 1+T, Z)
    }

    /** Returns a target for each projector: one encoder serves all. */
    private List<NDArray> forProjectors(List<NDArray> targets) {
        int projectors = model.config().encoderWidths().size();
        return targets.size() == 1 && projectors > 1 ? Collections.nCopies(projectors, targets.get(0)) : targets;
    }

    /** @throws IllegalArgumentException if the model needs tokens that nobody gives, or of another width, or attention */
    static void requireTokens(SiTConfig config, TrainingData data, List<RepresentationEncoder> encoders) {
        List<Integer> widths = encoders.isEmpty()
                ? data.tokenWidth() == 0 ? List.of() : List.of(data.tokenWidth())
                : encoders.stream().map(RepresentationEncoder::width).toList();
        if (config.needsEncoder() && widths.isEmpty()) {
            boolean features =
                    config.featureChannels() > 0 && config.encoderWidths().isEmpty() && !config.hasClassToken();
            throw new IllegalArgumentException("the model "
                    + (features ? "generates features" : "aligns or has a class token") + " but there is no encoder");
        }
        FeatureGroup.requireServed(config, data, widths);
        if (!widths.isEmpty()) {
            List<Integer> aligned = new ArrayList<>(widths);
            aligned.set(0, FeatureGroup.lastBlockWidth(config, data, widths.get(0)));
            checkWidths(config, aligned);
        }
        RepresentationEncoder first = encoders.isEmpty() ? null : encoders.get(0);
        config.terms()
                .attention()
                .ifPresent(term -> term.requireServed(first, config.model().numHeads()));
    }

    private static void checkWidths(SiTConfig config, List<Integer> widths) {
        int first = widths.get(0);
        boolean shared = widths.size() == 1 && !config.align().depths().isEmpty();
        boolean projects = shared
                ? config.encoderWidths().stream().allMatch(z -> z == first)
                : config.encoderWidths().isEmpty() || config.encoderWidths().equals(widths);
        boolean generates = config.classTokenWidth() == 0 || config.classTokenWidth() == first;
        if (!projects || !generates) {
            throw new IllegalArgumentException((widths.size() == 1
                            ? "the encoder gives tokens of width " + first
                            : "the encoders give tokens of widths " + widths)
                    + " but the model aligns with " + config.encoderWidths() + " and has a class token of width "
                    + config.classTokenWidth());
        }
    }

    /**
     * The encoder tokens that a run's loss looks at: the class token and, where alignment is over a subset, the kept
     * patches. Subsets are drawn by position, so they are known before a sample is read.
     *
     * @param model the model
     * @param subsets what the run draws, for the placement that the model has
     * @param globalBatch samples of one step over all ranks
     */
    public record KeptTokens(SiTConfig model, TokenSubsetSampler subsets, int globalBatch) implements TokenChoice {
        /** @throws IllegalArgumentException if model and subsets differ in their placement or route */
        public KeptTokens {
            model.requirePlacement(subsets.config());
        }

        @Override
        public Optional<int[][]> rows(long first, int count) {
            long step = first / globalBatch;
            if (!model.alignsSubset()
                    || model.featureChannels() > 0 // which are of the whole picture
                    || model.align().spatialNorm().isPresent() // which looks at the whole picture
                    || (first + count - 1) / globalBatch != step) {
                return Optional.empty();
            }
            return subsets.draw(step, first, count, model.tokens())
                    .filter(subset -> !subset.isFull())
                    .map(subset -> indices(subset.withClassToken()));
        }

        private static int[][] indices(TokenSubset subset) {
            int[][] rows = new int[subset.rows()][];
            for (int n = 0; n < rows.length; n++) {
                rows[n] =
                        Arrays.stream(subset.row(n)).mapToInt(Math::toIntExact).toArray();
            }
            return rows;
        }
    }
}
