package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.AlignmentLoss;
import io.github.maskalign.core.align.AuxiliaryLoss;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.diffusion.DdpmLoss;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.diffusion.VelocityLoss;
import io.github.maskalign.core.nn.TokenRows;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.core.train.LossSchedule;
import io.github.maskalign.sit.SiTOutput.Wanted;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The training loss of the whole family.
 *
 * <pre>L = mean((v̂ − v*)²) + β · mean((v̂_cls − v*_cls)²) + λ · (−mean cos(Z, proj(h)))</pre>
 *
 * <p>Features beside the latent, {@link LossTerms.Features}, are a group of channels with a loss of its own; the first mean is
 * over the latent's channels then.
 *
 * <p>with x_t = α x* + σ ε and v* = α' x* + σ' ε, for the class token alike at the same t. Tokens that were dropped
 * for good, or that a decoder paints in, count in no velocity; the alignment covers the class token and the tokens that were present at the tap, or with
 * LOSS_ONLY those that were sampled. With β and λ at 0 or without the parts, this is SiT's loss; with them REPA's,
 * REG's and MaskAlign's (arXiv 2606.08788, section 4).
 *
 * <p>With placement MASKED_PASS a step with dropped tokens has a second pass, whose loss is added: the first pass is of all tokens.
 *
 * <p>For a model of process DDPM the first term is DiT's, {@link DdpmLoss}, over the same tokens, and the path is not looked at.
 */
public final class SiTLoss {
    private static final ScriptFunction CLASS_ROW = ScriptFunction.of(Interpolant.class, "losses.py", "class_row");
    private static final ScriptFunction PATCH_ROWS = ScriptFunction.of(Interpolant.class, "losses.py", "patch_rows");

    private final SiT model;
    private final Interpolant path;
    private final double beta;
    private final double coeff;
    private final ScriptFunction addWeighted = ScriptFunction.of(Interpolant.class, "losses.py", "add_weighted");
    private final ScriptFunction addClassVelocity;
    private final ScriptFunction addAlignment;
    private final @Nullable ScriptFunction spatialNorm;
    private final AuxiliaryLoss layerSync = AuxiliaryLoss.layerSync();
    private final AuxiliaryLoss dispersive = AuxiliaryLoss.dispersive();
    private final AuxiliaryLoss contrastive = AuxiliaryLoss.contrastiveFlow();
    private final AuxiliaryLoss maskedPatches = AuxiliaryLoss.maskedPatches();
    private final AuxiliaryLoss selfAlign;
    private final AttentionTerm attention;
    private final ScriptFunction group = ScriptFunction.of(SiT.class, "groups.py", "group");
    private final ScriptFunction patchify;
    private final TokenRows patches = new TokenRows(false);
    private final TokenRows rows;

    /**
     * Creates the loss with the weights that the model's config names, cls.beta and align.coeff.
     *
     * @param model the model
     * @param path interpolant; with a class token only LINEAR is published
     */
    public SiTLoss(SiT model, Interpolant path) {
        this(model, path, model.config().cls().beta(), model.config().align().coeff());
    }

    /**
     * Creates the loss with weights of its own.
     *
     * @param model the model
     * @param path interpolant; with a class token only LINEAR is published
     * @param beta weight β of the class token's velocity; 0.03 as published
     * @param coeff weight λ of the alignment; 0.5 as published
     */
    public SiTLoss(SiT model, Interpolant path, double beta, double coeff) {
        this.model = model;
        this.path = path;
        this.beta = beta;
        this.coeff = coeff;
        addClassVelocity = addWeighted.bind("weight", beta);
        addAlignment = addWeighted.bind("weight", coeff);
        patchify = ScriptFunction.of(SiT.class, "sit.py", "patchify")
                .bind("patch", model.config().model().patchSize());
        rows = new TokenRows(model.config().hasClassToken());
        spatialNorm = model.config()
                .align()
                .spatialNorm()
                .map(gamma -> ScriptFunction.of(Interpolant.class, "losses.py", "spatial_norm")
                        .bind("gamma", gamma))
                .orElse(null);
        selfAlign = AuxiliaryLoss.selfAlignment(model.config()
                .terms()
                .selfAlign()
                .map(LossTerms.SelfAlign::legacyTokenCosine)
                .orElse(false));
        attention = new AttentionTerm(model.config().hasClassToken());
    }

    /** Returns the model. */
    public SiT model() {
        return model;
    }

    /** Whether the loss of a step looks at an encoder. */
    boolean needsTargets(SiTLossInput.Context context) {
        SiTConfig config = model.config();
        boolean aligns =
                config.align().enabled() && context.factor(config.align().weight()) > 0;
        return aligns
                || config.hasClassToken()
                || (config.terms().features().isPresent() && !context.featuresDropped())
                || !config.terms().attentionTaps(context).isEmpty();
    }

    /** Returns the terms that stop by themselves. */
    StoppingTerms stoppingTerms() {
        return new StoppingTerms(model.config(), beta, coeff);
    }

    Interpolant path() {
        return path;
    }

    /**
     * Computes the loss; results belong to the manager of {@code in.clean()}.
     *
     * @param store where the parameters' arrays come from
     * @param in the batch and all draws
     * @throws IllegalArgumentException if targets are missing or do not fit the model
     */
    public SiTLosses compute(ParameterStore store, SiTLossInput in) {
        return compute(store, in, BlockRunner.PLAIN);
    }

    /**
     * Computes the loss; see the other method.
     *
     * @param runner how the model runs its blocks
     */
    public SiTLosses compute(ParameterStore store, SiTLossInput in, BlockRunner runner) {
        SiTLosses all = of(model.forward(store, noised(in), false, runner, wanted(in)), in);
        SiTLossInput masked = in.masked();
        return masked == null
                ? all
                : all.with(of(model.forward(store, noised(masked), false, runner, Wanted.NOTHING), masked).total);
    }

    /**
     * Returns what the model sees of a batch: x_t, and the class token at the same t.
     *
     * @throws IllegalArgumentException if targets are missing or do not fit the model
     */
    public SiTInput noised(SiTLossInput in) {
        TargetFit.require(in, model.config());
        return noised(in, in.t(), in.keep());
    }

    /** Returns the same batch with the noise of other times t (N). */
    SiTInput noised(SiTLossInput in, NDArray t, @Nullable NDArray keep) {
        SiTConfig config = model.config();
        NDArray classToken = config.hasClassToken() ? classToken(in.targets().get(0)) : null; // (N, Z)
        NDArray classNoise = in.classNoise();
        NDArray noisedClass =
                classToken != null && classNoise != null ? path.interpolate(classToken, classNoise, t) : null;
        return new SiTInput(
                config.process() == Process.DDPM
                        ? DdpmLoss.state(in.clean(), in.noise(), t)
                        : path.interpolate(in.clean(), in.noise(), t),
                t,
                in.y(),
                noisedClass,
                keep,
                in.dropped(),
                in.pathDropped());
    }

    /** Returns what {@link #of} looks at beside the predictions, at the step of a batch. */
    public Wanted wanted(SiTLossInput in) {
        LossTerms terms = model.config().terms();
        return new Wanted(
                Set.copyOf(terms.taps(model.config().model().depth())),
                Set.copyOf(terms.attentionTaps(in.context())),
                terms.weight("selfAlign", in.context()) > 0);
    }

    /**
     * Returns the loss of what the model has said about {@link #noised}.
     *
     * @throws IllegalArgumentException if a term looks at a tap that the output lacks
     */
    public SiTLosses of(SiTOutput out, SiTLossInput in) {
        SiTConfig config = model.config();
        SiTLossInput.Context context = in.context();
        LossTerms terms = config.terms();
        DdpmLoss.Parts chain = config.process() == Process.DDPM ? chain(out, in, config) : null;
        NDArray velocity =
                chain == null ? velocity(out, in, config) : chain.noise().add(chain.bound());
        NDArray total = velocity;
        NDArray classVelocity = null;
        NDArray classNoise = in.classNoise();
        if (out.classVelocity() != null && classNoise != null) {
            NDArray target = path.velocityTarget(classToken(in.targets().get(0)), classNoise, in.t());
            classVelocity = VelocityLoss.mean(out.classVelocity(), target);
            total = addClassVelocity.callForOne(total, classVelocity);
        }
        NDArray alignment = null;
        if (!out.projected().isEmpty()) {
            LossSchedule course = config.align().weight();
            double factor = context.factor(course);
            if (factor > 0) {
                alignment = alignment(out.projected(), in, config);
                total = course.equals(LossSchedule.ALWAYS)
                        ? addAlignment.callForOne(total, alignment)
                        : addWeighted.callForOne(total, alignment, coeff * factor);
            }
        }
        Map<String, NDArray> more = terms.isEmpty() ? Map.of() : terms(out, in, config);
        for (Map.Entry<String, NDArray> term : more.entrySet()) {
            total = addWeighted.callForOne(total, term.getValue(), terms.weight(term.getKey(), context));
        }
        if (chain != null) {
            Map<String, NDArray> all = new LinkedHashMap<>();
            all.put(SiTLosses.NOISE, chain.noise());
            all.put(SiTLosses.BOUND, chain.bound());
            all.putAll(more);
            more = all;
        }
        return new SiTLosses(total, velocity, classVelocity, alignment, more);
    }

    /** The terms of relatives that have a weight at this step, by the names that logs use. */
    private Map<String, NDArray> terms(SiTOutput out, SiTLossInput in, SiTConfig config) {
        LossTerms terms = config.terms();
        Map<String, NDArray> found = new LinkedHashMap<>();
        terms.layerSync()
                .ifPresent(term -> found.put(
                        "layerSync",
                        layerSync.of(out.taps().hidden(term.block()), out.taps().hidden(term.target()))));
        terms.dispersive().ifPresent(term -> {
            int block = term.block() == 0 ? config.model().depth() : term.block();
            found.put("dispersive", dispersive.of(out.taps().hidden(block)));
        });
        terms.contrastive().ifPresent(term -> {
            NDArray target = path.velocityTarget(in.clean(), in.noise(), in.t()); // (N, C, H, W)
            NDArray keep = in.keep();
            if (keep != null && config.scoresKept()) {
                // the sample before, at the places that this one keeps
                long n = keep.getShape().get(0);
                NDArray next = n == 1 ? keep : keep.get("1:").concat(keep.get("0:1"), 0);
                target = patches.gather(patchify.callForOne(target), next); // (N, K, p²C)
            }
            found.put("contrastive", contrastive.of(scored(out, keep, config), target));
        });
        terms.mae().ifPresent(term -> {
            NDArray keep = in.keep();
            if (keep != null && keep.getShape().get(1) < config.tokens()) {
                NDArray state = path.interpolate(in.clean(), in.noise(), in.t()); // (N, C, H, W)
                NDArray painted = path.clean(out.velocity(), state, in.t());
                found.put("mae", maskedPatches.of(patchify.callForOne(painted), patchify.callForOne(state), keep));
            }
        });
        terms.attention().ifPresent(term -> {
            if (in.context().factor(term.weight()) > 0) {
                found.put("attention", attention.of(term, out, in.context()));
            }
        });
        if (terms.weight("selfAlign", in.context()) > 0) {
            found.put("selfAlign", selfAlign(out, in));
        }
        if (terms.weight("features", in.context()) > 0) {
            int latent = config.latentChannels();
            found.put("features", velocity(out, in, config, latent, config.featureChannels()));
        }
        found.keySet().removeIf(term -> terms.weight(term, in.context()) == 0);
        return found;
    }

    private NDArray selfAlign(SiTOutput out, SiTLossInput in) {
        NDArray student = out.taps().requireSelfAligned(); // (N, [1+]T or K, D)
        NDArray teacher = in.context().selfTeacher(); // (N, [1+]T, D)
        if (teacher == null) {
            throw new IllegalArgumentException("terms.selfAlign needs the hidden tokens of the model's moving average,"
                    + " but the batch has none: SiTObjective.input adds them");
        }
        NDArray keep = in.keep();
        if (keep != null && student.getShape().get(1) < teacher.getShape().get(1)) {
            teacher = rows.gather(teacher, keep); // (N, [1+]K, D)
        }
        return selfAlign.of(student, teacher);
    }

    private NDArray velocity(SiTOutput out, SiTLossInput in, SiTConfig config) {
        return velocity(out, in, config, 0, config.latentChannels());
    }

    /** The error of the velocity in a group of channels. */
    private NDArray velocity(SiTOutput out, SiTLossInput in, SiTConfig config, int first, int count) {
        NDArray target = path.velocityTarget(in.clean(), in.noise(), in.t()); // (N, C, H, W)
        NDArray keep = in.keep();
        if (keep != null && config.scoresKept()) {
            target = patches.gather(patchify.callForOne(target), keep); // (N, K, p²C)
        }
        NDArray predicted = scored(out, keep, config);
        int channels = config.model().inChannels();
        if (count < channels) {
            target = group.callForOne(target, first, count, channels);
            predicted = group.callForOne(predicted, first, count, channels);
        }
        return VelocityLoss.mean(predicted, target);
    }

    /** The two parts of DiT's loss, over the tokens that the velocity's would be of; 0-d. */
    private DdpmLoss.Parts chain(SiTOutput out, SiTLossInput in, SiTConfig config) {
        NDArray clean = in.clean(); // (N, C, H, W)
        NDArray noise = in.noise();
        NDArray keep = in.keep();
        if (keep != null && config.scoresKept()) {
            clean = patches.gather(patchify.callForOne(clean), keep); // (N, K, p²C)
            noise = patches.gather(patchify.callForOne(noise), keep);
        }
        DdpmLoss.Parts parts = DdpmLoss.perSample(
                scored(out, keep, config), clean, noise, in.t(), config.model().inChannels());
        double cap = config.terms().minSnr();
        NDArray weighted = cap == 0 ? parts.noise() : DdpmLoss.minSnr(parts.noise(), in.t(), cap);
        return new DdpmLoss.Parts(weighted.mean(), parts.bound().mean());
    }

    /** The velocity where the loss looks at it: of all pixels, or of the kept patches (N, K, p²C). */
    private NDArray scored(SiTOutput out, @Nullable NDArray keep, SiTConfig config) {
        return keep != null && config.subset().decoder().isPresent()
                ? patches.gather(patchify.callForOne(out.velocity()), keep)
                : out.velocity();
    }

    private NDArray alignment(List<NDArray> projected, SiTLossInput in, SiTConfig config) {
        Aligned aligned = aligned(projected, in, config);
        return new AlignmentLoss().evaluate(aligned.targets(), aligned.predictions());
    }

    /**
     * What the alignment compares, for each encoder; see {@link AlignmentLoss}.
     *
     * @param targets tokens of the encoder (N, [1+]K, Z), those that the loss looks at, normalised if the config says so
     * @param predictions projected tokens of the same shape
     */
    public record Aligned(NDList targets, NDList predictions) {}

    /** Returns what the alignment of some output compares, token by token. */
    public Aligned aligned(SiTOutput out, SiTLossInput in) {
        return aligned(out.projected(), in, model.config());
    }

    private Aligned aligned(List<NDArray> projected, SiTLossInput in, SiTConfig config) {
        NDList targets = new NDList();
        NDList predictions = new NDList();
        for (int i = 0; i < projected.size(); i++) {
            NDArray target = in.targets().get(i); // (N, 1+T, Z)
            if (!config.hasClassToken()) {
                target = PATCH_ROWS.callForOne(target); // (N, T, Z)
            }
            if (spatialNorm != null) {
                target = normalised(target, spatialNorm);
            }
            NDArray prediction = projected.get(i);
            NDArray keep = in.keep();
            if (keep != null && config.alignsSubset(i)) {
                boolean whole = in.targets().get(i).getShape().get(1) == 1 + config.tokens();
                target = whole ? rows.gather(target, keep) : target; // (N, [1+]K, Z)
                if (config.subset().placement() == SubsetPlacement.LOSS_ONLY) {
                    prediction = rows.gather(prediction, keep);
                }
            }
            targets.add(target);
            predictions.add(prediction);
        }
        return new Aligned(targets, predictions);
    }

    /** iREPA's target: patches over the picture normalised, a class token in front as it is. */
    private NDArray normalised(NDArray target, ScriptFunction norm) {
        if (!model.config().hasClassToken()) {
            return norm.callForOne(target);
        }
        NDArray normal = norm.callForOne(PATCH_ROWS.callForOne(target));
        return target.get(new NDIndex(":, 0:1")).concat(normal, 1);
    }

    private static NDArray classToken(NDArray target) {
        return CLASS_ROW.callForOne(target); // (N, Z)
    }

    /**
     * The parts of a training loss, each 0-d float32.
     *
     * @param total {@code velocity + β·classVelocity + λ·alignment}
     * @param velocity mean squared error of the velocity; with DDPM the sum of noise and bound
     * @param classVelocity mean squared error of the class token's velocity, if there is one
     * @param alignment minus the mean cosine, if the model aligns
     * @param terms the terms of relatives, by name; with DDPM also the two parts of the loss of noise and variance, {@code noise}
     *     and {@code vlb}
     */
    public record SiTLosses(
            NDArray total,
            NDArray velocity,
            @Nullable NDArray classVelocity,
            @Nullable NDArray alignment,
            Map<String, NDArray> terms) {
        static final String NOISE = "noise";
        static final String BOUND = "vlb";

        /** Returns the same with the loss of a second pass added, under the name {@code masked}. */
        private SiTLosses with(NDArray masked) {
            Map<String, NDArray> all = new LinkedHashMap<>(terms);
            all.put("masked", masked);
            return new SiTLosses(total.add(masked), velocity, classVelocity, alignment, all);
        }

        /** Returns the parts that exist by the names used in logs. */
        public Map<String, NDArray> parts() {
            Map<String, NDArray> parts = new LinkedHashMap<>();
            if (!terms.containsKey(NOISE)) {
                parts.put("velocity", velocity);
            }
            if (classVelocity != null) {
                parts.put("class", classVelocity);
            }
            if (alignment != null) {
                parts.put("align", alignment);
            }
            parts.putAll(terms);
            return parts;
        }
    }

    /**
     * What one training loss is computed from; every random number is already drawn.
     *
     * @param clean clean latents x* (N, C, H, W), float32; features behind them
     * @param noise ε (N, C, H, W), standard normal
     * @param t timesteps (N) in [0, 1]; 0 is data
     * @param y labels (N), int64
     * @param targets for each encoder its clean-image tokens (N, 1+T, Z), the class token first, or where the alignment
     *     is over a subset those it needs (N, 1+K, Z); may be empty if the model neither aligns nor has a class token
     * @param classNoise noise of the class token (N, Z), exactly if the model has one
     * @param keep kept patches (N, K), int64; null keeps all
     * @param dropped which labels become the null class (N), 0 or 1; null drops none
     * @param context the step, and what terms of relatives need
     * @param pathDropped which samples do without the sparse path (N), 0 or 1; with SPARSE alone; null drops none
     */
    public record SiTLossInput(
            NDArray clean,
            NDArray noise,
            NDArray t,
            NDArray y,
            List<NDArray> targets,
            @Nullable NDArray classNoise,
            @Nullable NDArray keep,
            @Nullable NDArray dropped,
            Context context,
            @Nullable NDArray pathDropped) {
        /** Copies the list. */
        public SiTLossInput {
            targets = List.copyOf(targets);
        }

        /** A batch that drops no path. */
        public SiTLossInput(
                NDArray clean,
                NDArray noise,
                NDArray t,
                NDArray y,
                List<NDArray> targets,
                @Nullable NDArray classNoise,
                @Nullable NDArray keep,
                @Nullable NDArray dropped,
                Context context) {
            this(clean, noise, t, y, targets, classNoise, keep, dropped, context, null);
        }

        /** Returns the same batch at another step. */
        public SiTLossInput withContext(Context other) {
            return new SiTLossInput(clean, noise, t, y, targets, classNoise, keep, dropped, other, pathDropped);
        }

        /**
         * What a loss knows beside its batch.
         *
         * @param step steps finished before this one; weights of terms may depend on it
         * @param encoderAttention attention logits (N, H, 1+T, 1+T) of the encoder's blocks that {@code terms.attention} names
         * @param selfTeacher hidden tokens (N, [1+]T, D) of the moving average that {@code terms.selfAlign} follows
         * @param stopped whether the terms with schedule AUTO have stopped
         * @param featuresDropped whether this step does without the features of {@code terms.features}: zeros are in their place
         * @param maskedPass what the second pass of MASKED_PASS sees; null for a step without one
         */
        public record Context(
                long step,
                Map<Integer, NDArray> encoderAttention,
                @Nullable NDArray selfTeacher,
                boolean stopped,
                boolean featuresDropped,
                @Nullable MaskedPass maskedPass) {
            /** The first step, without attention. */
            public static final Context FIRST = new Context(0, Map.of());

            /** Copies the map. */
            public Context {
                encoderAttention = Map.copyOf(encoderAttention);
            }

            /** What a loss knows without a moving average, where no term has stopped. */
            public Context(long step, Map<Integer, NDArray> encoderAttention) {
                this(step, encoderAttention, null, false, false, null);
            }

            /** What a loss knows without a moving average. */
            public Context(long step, Map<Integer, NDArray> encoderAttention, boolean stopped) {
                this(step, encoderAttention, null, stopped, false, null);
            }

            /** Returns this with the hidden tokens of the moving average. */
            public Context withSelfTeacher(NDArray tokens) {
                return new Context(step, encoderAttention, tokens, stopped, featuresDropped, maskedPass);
            }

            /** Returns this with attention of the encoder. */
            Context withAttention(Map<Integer, NDArray> logits) {
                return new Context(step, logits, selfTeacher, stopped, featuresDropped, maskedPass);
            }

            /** Returns this for a step with or without features. */
            public Context withFeaturesDropped(boolean dropped) {
                return new Context(step, encoderAttention, selfTeacher, stopped, dropped, maskedPass);
            }

            /** Returns this with a second pass. */
            public Context withMaskedPass(MaskedPass second) {
                return new Context(step, encoderAttention, selfTeacher, stopped, featuresDropped, second);
            }

            /** Returns the factor of a weight that changes over the run. */
            double factor(LossSchedule course) {
                return stopped && course.schedule() == LossSchedule.Course.AUTO ? 0 : course.at(step);
            }
        }

        /**
         * What the second pass of a step with placement MASKED_PASS has of its own: clean samples, times and labels are the first
         * pass's.
         *
         * @param noise ε (N, C, H, W)
         * @param keep kept patches (N, K), int64
         * @param dropped which labels become the null class (N), 0 or 1; null drops none
         */
        public record MaskedPass(
                NDArray noise, NDArray keep, @Nullable NDArray dropped) {}

        /** The batch as the second pass sees it; null if there is none. */
        private @Nullable SiTLossInput masked() {
            MaskedPass second = context.maskedPass;
            return second == null
                    ? null
                    : new SiTLossInput(
                            clean, second.noise, t, y, List.of(), null, second.keep, second.dropped, Context.FIRST);
        }

        /** Returns the same batch with other clean samples. */
        SiTLossInput withClean(NDArray others) {
            return new SiTLossInput(others, noise, t, y, targets, classNoise, keep, dropped, context, pathDropped);
        }

        /** Returns the same batch with other targets. */
        public SiTLossInput withTargets(List<NDArray> others) {
            return new SiTLossInput(clean, noise, t, y, others, classNoise, keep, dropped, context, pathDropped);
        }
    }
}
