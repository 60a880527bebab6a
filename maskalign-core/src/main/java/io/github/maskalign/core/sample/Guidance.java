package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.sample.VelocityField.Routed;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.core.script.internal.PackedArrays;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Guidance, without another word classifier-free: v = v_u + w (v_c - v_u) in an interval of times, on all channels unless a legacy quirk is
 * asked for.
 *
 * <p>It is active when w &gt; 1 and intervalLow ≤ t ≤ intervalHigh. Since t = 1 is noise, [0, 0.7] leaves the noisiest 30 %
 * unguided. Where it is active one call of the field covers both halves, [x; x] with labels [y; null].
 * Sources: REPA's samplers; the interval is from Kynkäänniemi et al. 2024; the class token's scale from REG.
 *
 * @param cfgScale w of the latent, at least 1; 1 switches guidance off, also that of the class token
 * @param classCfgScale w of the class token; 0 or less takes its conditional velocity as it is
 * @param intervalLow smallest guided time, in [0, intervalHigh]
 * @param intervalHigh largest guided time, in [intervalLow, 1]
 * @param legacyGuidedChannels 0 guides all channels of the latent; k &gt; 0 its first k alone, while the others take
 *     the conditional velocity. 3 is the quirk of {@code forward_with_cfg} in willisma/SiT and facebookresearch/DiT,
 *     which guides 3 of 4 channels: SiT-XL/2's published FID 2.06 (guidance 1.5 at all times) needs it. 4 is ReDi's
 *     {@code forward_with_cfg_vae}, which guides the latent and not the features
 * @param unconditional what the half v_u does without
 * @param routes the ratios of {@link Unconditional#ROUTE_RATIO}; the others do not read them
 * @param featureCfgScale w of feature channels, for fields that have them ({@link VelocityField#featureChannels}): cfgScale and
 *     legacyGuidedChannels are about the other channels then; 0 or less takes their conditional velocity as it is, as ReDi does
 * @param cfgPower power s of a scale that grows towards data, w(t) = 1 + (w - 1) (1 - cos(π (1 - t)^s)) / 2 for every scale
 *     above 0; 0 keeps it constant. 4 is MDT's, {@code forward_with_cfg} in sail-sg/MDT, with a scale of 3.8
 */
public record Guidance(
        @Default("1.0") double cfgScale,
        @Default("1.0") double classCfgScale,
        @Default("0.0") double intervalLow,
        @Default("1.0") double intervalHigh,
        @NonNegative @Default("0") int legacyGuidedChannels,
        @Default("NULL_LABEL") Unconditional unconditional,
        @Inline Routes routes,
        @Default("0.0") double featureCfgScale,
        @NonNegative @Default("0.0") double cfgPower) {
    private static final ScriptFunction TIMES = ScriptFunction.of(Guidance.class, "sampler.py", "times");
    private static final ScriptFunction GUIDE = ScriptFunction.of(Guidance.class, "sampler.py", "guide");

    public Guidance {
        requireFinite("featureCfgScale", featureCfgScale);
        requireFinite("cfgPower", cfgPower);
        if (cfgPower < 0) {
            throw new IllegalArgumentException(
                    "cfgPower must be at least 0, which keeps the scale constant, but was " + cfgPower);
        }
        check(cfgScale, classCfgScale, intervalLow, intervalHigh, legacyGuidedChannels);
        Objects.requireNonNull(unconditional, "unconditional must be given");
        Objects.requireNonNull(routes, "routes must be given");
    }

    /** What the unconditional half of a guided call does without. */
    public enum Unconditional {
        /** The label: classifier-free guidance. */
        NULL_LABEL,

        /**
         * More of its tokens: both halves have the label, and the blocks of the model's route see {@code 1 − routeRatio} of
         * the tokens in the one and {@code 1 − weakRouteRatio} in the other, drawn anew for each picture and each call
         * (TREAD, section on guidance). Needs a model with placement ROUTE. Where guidance is not active all tokens go
         * through all blocks.
         */
        ROUTE_RATIO,

        /**
         * The label and the sparse path of a model with placement SPARSE: SPRINT's path-drop guidance, whose guided calls
         * cost little more than unguided ones. SPRINT's scale is 3. Source: {@code forward_pdg} of the official code, which
         * halves the batch even where guidance is not active; here all of it takes the path then.
         */
        PATH_DROP,

        /**
         * The features of a model that generates them beside the latent: ReDi's representation guidance. Both halves have the
         * label; in place of the features' state the unconditional one sees σ(t) ε with the ε that their channels began with,
         * what a picture without features looks like in training. The latent alone is guided, as nothing is learnt of the
         * features there. ReDi's scale is 1.5 for B and 1.1 for XL.
         */
        NO_FEATURES
    }

    /**
     * Shares of the tokens that go round the blocks of the route while guidance is active.
     *
     * @param routeRatio share in v_c, in [0, weakRouteRatio); 0.3 in TREAD
     * @param weakRouteRatio share in v_u, below 1; 0.7 in TREAD
     */
    public record Routes(
            @Default("0.3") double routeRatio,
            @Default("0.7") double weakRouteRatio) {
        /** TREAD's. */
        public static final Routes PUBLISHED = new Routes(0.3, 0.7);

        /** @throws IllegalArgumentException if the weaker half does not have fewer tokens, or a ratio is out of range */
        public Routes {
            if (!(routeRatio >= 0 && routeRatio < weakRouteRatio && weakRouteRatio < 1)) {
                throw new IllegalArgumentException("0 <= routeRatio < weakRouteRatio < 1 must hold, but they were "
                        + routeRatio + " and " + weakRouteRatio);
            }
        }
    }

    /** Takes the conditional velocity of features. */
    public Guidance(
            double cfgScale,
            double classCfgScale,
            double intervalLow,
            double intervalHigh,
            int legacyGuidedChannels,
            Unconditional unconditional,
            Routes routes) {
        this(cfgScale, classCfgScale, intervalLow, intervalHigh, legacyGuidedChannels, unconditional, routes, 0, 0);
    }

    /** Guides by the label. */
    public Guidance(
            double cfgScale, double classCfgScale, double intervalLow, double intervalHigh, int legacyGuidedChannels) {
        this(
                cfgScale,
                classCfgScale,
                intervalLow,
                intervalHigh,
                legacyGuidedChannels,
                Unconditional.NULL_LABEL,
                Routes.PUBLISHED);
    }

    /** Guides all channels. */
    public Guidance(double cfgScale, double classCfgScale, double intervalLow, double intervalHigh) {
        this(cfgScale, classCfgScale, intervalLow, intervalHigh, 0);
    }

    /** Returns guidance that is never active. */
    public static Guidance none() {
        return new Guidance(1, 0, 0, 1);
    }

    /** Returns this with another number of guided channels; 0 guides all. */
    public Guidance withLegacyGuidedChannels(int channels) {
        return new Guidance(
                cfgScale,
                classCfgScale,
                intervalLow,
                intervalHigh,
                channels,
                unconditional,
                routes,
                featureCfgScale,
                cfgPower);
    }

    /** Returns this with another scale of feature channels; 0 takes their conditional velocity. */
    public Guidance withFeatureCfgScale(double scale) {
        return new Guidance(
                cfgScale,
                classCfgScale,
                intervalLow,
                intervalHigh,
                legacyGuidedChannels,
                unconditional,
                routes,
                scale,
                cfgPower);
    }

    /** Returns this with a scale that grows towards data; 0 keeps it constant. */
    public Guidance withCfgPower(double power) {
        return new Guidance(
                cfgScale,
                classCfgScale,
                intervalLow,
                intervalHigh,
                legacyGuidedChannels,
                unconditional,
                routes,
                featureCfgScale,
                power);
    }

    /** Returns what a scale is at time {@code t}. */
    double scaleAt(double scale, double t) {
        return cfgPower == 0 || scale <= 0
                ? scale
                : 1 + (scale - 1) * (1 - StrictMath.cos(Math.PI * StrictMath.pow(1 - t, cfgPower))) / 2;
    }

    /** Returns this with another scale, for the class token too. */
    public Guidance withScale(double scale) {
        return new Guidance(
                scale,
                scale,
                intervalLow,
                intervalHigh,
                legacyGuidedChannels,
                unconditional,
                routes,
                featureCfgScale,
                cfgPower);
    }

    /** Returns this between two ratios of a route. */
    public Guidance withRoutes(Routes ratios) {
        return new Guidance(
                cfgScale,
                classCfgScale,
                intervalLow,
                intervalHigh,
                legacyGuidedChannels,
                Unconditional.ROUTE_RATIO,
                ratios,
                featureCfgScale,
                cfgPower);
    }

    /** Returns this with an unconditional half that does without something else. */
    public Guidance withUnconditional(Unconditional value) {
        return new Guidance(
                cfgScale,
                classCfgScale,
                intervalLow,
                intervalHigh,
                legacyGuidedChannels,
                value,
                routes,
                featureCfgScale,
                cfgPower);
    }

    /**
     * Checks that the field has what guidance asks for.
     *
     * @throws IllegalArgumentException if it has no route and needs one, or a ratio leaves no token
     */
    void requireFits(VelocityField field) {
        if (unconditional == Unconditional.ROUTE_RATIO) {
            Routed routed = field.routed()
                    .orElseThrow(() -> new IllegalArgumentException("guidance of kind ROUTE_RATIO needs a model with"
                            + " subset.placement ROUTE, whose blocks may see some tokens alone, but this one has no"
                            + " route: choose unconditional NULL_LABEL"));
            routed.kept(routes.weakRouteRatio);
        }
        if (unconditional == Unconditional.PATH_DROP && !field.hasPath()) {
            throw new IllegalArgumentException(
                    "unconditional PATH_DROP needs a model with subset.placement SPARSE, whose path"
                            + " can be left out, but this one has none: choose NULL_LABEL");
        }
        if (unconditional == Unconditional.NO_FEATURES && field.featureChannels() == 0) {
            throw new IllegalArgumentException(
                    "unconditional NO_FEATURES needs a model that generates features beside the"
                            + " latent, terms.features, but this one has none: choose NULL_LABEL");
        }
    }

    /**
     * Checks that the guided channels exist.
     *
     * @param channels channels C of the latent
     * @throws IllegalArgumentException if there are fewer than {@link #legacyGuidedChannels}
     */
    public void requireChannels(long channels) {
        if (legacyGuidedChannels > channels) {
            throw new IllegalArgumentException("legacyGuidedChannels must be at most " + channels
                    + ", the channels of the model's latents, or 0 for all of them, but was " + legacyGuidedChannels);
        }
    }

    /** Whether guidance acts at time {@code t}; both ends of the interval belong to it. */
    public boolean activeAt(double t) {
        return cfgScale > 1 && intervalLow <= t && t <= intervalHigh;
    }

    /**
     * Mixes the two halves of a doubled batch.
     *
     * @param doubled velocities (2N, ...) of [latent] or [latent, class token], conditional half first
     * @param features how many of the latent's channels, the last ones, are features
     * @param t the time of the velocities
     * @return guided velocities (N, ...)
     */
    NDList mix(NDList doubled, int features, double t) {
        NDList mixed = new NDList(doubled.size());
        for (int i = 0; i < doubled.size(); i++) {
            NDArray both = doubled.get(i);
            if (i > 0) {
                mixed.add(GUIDE.callForOne(both, scaleAt(classCfgScale, t), 0));
            } else {
                mixed.add(features > 0 ? byGroup(both, features, t) : guided(both, t));
            }
        }
        return mixed;
    }

    private NDArray guided(NDArray doubled, double t) {
        return GUIDE.callForOne(doubled, scaleAt(cfgScale, t), legacyGuidedChannels);
    }

    /** The channels of the latent, guided, and behind them those of the features with a scale of their own. */
    private NDArray byGroup(NDArray doubled, int features, double t) {
        double scale = unconditional() == Unconditional.NO_FEATURES ? 0 : scaleAt(featureCfgScale, t);
        NDArray latents = doubled.get(":, :-" + features);
        NDArray others = doubled.get(":, -" + features + ":");
        return guided(latents, t).concat(GUIDE.callForOne(others, scale, 0), 1);
    }

    static void check(
            double cfgScale, double classCfgScale, double intervalLow, double intervalHigh, int legacyGuidedChannels) {
        if (!(cfgScale >= 1 && Double.isFinite(cfgScale))) {
            throw new IllegalArgumentException(
                    "cfgScale must be at least 1, which switches guidance off, but was " + cfgScale);
        }
        requireFinite("classCfgScale", classCfgScale);
        if (!(intervalLow >= 0 && intervalLow <= intervalHigh && intervalHigh <= 1)) {
            throw new IllegalArgumentException("the guidance interval must satisfy 0 <= low <= high <= 1 but was ["
                    + intervalLow + ", " + intervalHigh + "]");
        }
        if (legacyGuidedChannels < 0) {
            throw new IllegalArgumentException(
                    "legacyGuidedChannels must be at least 0, which guides all channels, but was "
                            + legacyGuidedChannels);
        }
    }

    static void requireFinite(String name, double scale) {
        if (!Double.isFinite(scale)) {
            throw new IllegalArgumentException(name + " must be finite but was " + scale);
        }
    }

    /** A velocity field with guidance, called with float64 states: casts, doubles the batch, mixes and casts back. */
    static final class GuidedField {
        /** Calls that draw a subset: two halves, and HEUN asks twice in a step. */
        static final int CALLS_PER_STEP = 4;

        private final VelocityField field;
        private final Guidance guidance;
        private final Subsets subsets;
        private final DataType inputType;
        private final NDArray labels;
        private final NDArray doubledLabels;
        private final int features;
        private @Nullable NDArray noise; // of the features, where guidance does without them
        private @Nullable Interpolant path;

        /**
         * Prepares the labels.
         *
         * @param run owner of the labels
         * @param subsets draws tokens for guidance between ratios
         * @param inputType data type in which the field is called
         */
        GuidedField(
                VelocityField field,
                Guidance guidance,
                NDManager run,
                long[] labels,
                Subsets subsets,
                DataType inputType) {
            this.field = field;
            this.guidance = guidance;
            this.subsets = subsets;
            this.inputType = inputType;
            this.labels = run.create(labels); // (N)
            long[] doubled = Arrays.copyOf(labels, 2 * labels.length);
            if (guidance.unconditional == Unconditional.NO_FEATURES) {
                System.arraycopy(labels, 0, doubled, labels.length, labels.length);
            } else {
                Arrays.fill(doubled, labels.length, doubled.length, field.nullLabel());
            }
            features = field.featureChannels();
            this.doubledLabels = run.create(doubled); // (2N)
        }

        /**
         * Tells what the state began with, for guidance without features.
         *
         * @param start latents (N, C, H, W) at t = 1, left open
         * @param on the path they are on
         */
        void begin(NDArray start, Interpolant on) {
            if (guidance.unconditional == Unconditional.NO_FEATURES) {
                NDArray begun = start.get(":, -" + features + ":");
                noise = begun.toType(inputType, true);
                noise.attach(labels.getManager());
                begun.close();
                path = on;
            }
        }

        /** A state as the unconditional half of NO_FEATURES sees it: σ(t) ε in place of its features. */
        private NDArray withoutFeatures(NDArray x, double t) {
            NDArray begun = noise;
            Interpolant on = path;
            if (begun == null || on == null) {
                throw new IllegalStateException("guidance without features must be told what the state began with");
            }
            try (NDArray latents = x.get(":, :-" + features);
                    NDArray scaled = begun.mul(on.sigma(t))) {
                return latents.concat(scaled, 1); // (N, C, H, W)
            }
        }

        /**
         * The guided velocity.
         *
         * @param step owner of the result and of all that is made on the way
         * @param state float64 arrays (N, ...), owned by {@code step}
         * @param t time at which the field is asked
         * @param guidanceTime time that decides whether guidance is active
         * @param call number of the call, CALLS_PER_STEP / 2 of them in a step
         * @return velocities, float64
         */
        NDList velocity(NDManager step, NDList state, double t, double guidanceTime, int call) {
            boolean guided = guidance.activeAt(guidanceTime);
            boolean routed = guided && guidance.unconditional == Unconditional.ROUTE_RATIO;
            boolean doubled = guided && !routed;
            boolean bare = guidance.unconditional == Unconditional.NO_FEATURES;
            NDList input = new NDList(state.size());
            for (NDArray s : state) {
                NDArray x = s.toType(inputType, false);
                NDArray other = doubled && bare && input.isEmpty() ? withoutFeatures(x, t) : x;
                input.add(doubled ? x.concat(other) : x); // (N, ...) or (2N, ...)
            }
            NDArray batchLabels = doubled ? doubledLabels : labels;
            NDArray time = times(input.get(0), batchLabels.size(), t, inputType);

            if (routed) {
                Map<String, NDArray> keep = keep(step, call);
                NDList more = wide(step, input, kept(input, time, keep.get("more")));
                NDList fewer = wide(step, input, kept(input, time, keep.get("fewer")));
                NDList halves = new NDList(more.size());
                for (int i = 0; i < more.size(); i++) {
                    halves.add(more.get(i).concat(fewer.get(i))); // (2N, ...)
                }
                return guidance.mix(halves, features, t);
            }
            NDList velocity = guided && guidance.unconditional == Unconditional.PATH_DROP
                    ? field.velocityWithoutPath(input, time, batchLabels)
                    : field.velocity(input, time, batchLabels);
            NDList wide = wide(step, input, velocity);
            return guided ? guidance.mix(wide, features, t) : wide;
        }

        /** Returns the time t for n samples (N), on the device of an array and owned like it. */
        static NDArray times(NDArray like, long n, double t, DataType type) {
            return TIMES.callForOne(like, n, t, type == DataType.FLOAT64 ? 7 : 6); // PyTorch's numbers of these types
        }

        private static NDList wide(NDManager step, NDList input, NDList velocity) {
            check(velocity, input);
            NDList wide = new NDList(velocity.size());
            for (NDArray v : velocity) {
                v.attach(step);
                wide.add(v.toType(DataType.FLOAT64, false));
            }
            return wide;
        }

        /** The velocity with some tokens alone in the route; null for all of them. */
        private NDList kept(NDList input, NDArray time, @Nullable NDArray keep) {
            return keep == null
                    ? field.velocity(input, time, labels)
                    : field.routed().orElseThrow().velocity(input, time, labels, keep);
        }

        /** The tokens that the two halves of a routed call keep, where some are left out. */
        private Map<String, NDArray> keep(NDManager step, int call) {
            PackedArrays.Builder both = PackedArrays.builder();
            addKept(both, "more", guidance.routes.routeRatio, 2 * call);
            addKept(both, "fewer", guidance.routes.weakRouteRatio, 2 * call + 1);
            try (PackedArrays packed = both.pack(step.getDevice())) {
                return packed.unpack(step);
            }
        }

        private void addKept(PackedArrays.Builder both, String name, double ratio, int call) {
            if (ratio == 0) {
                return;
            }
            Routed routed = field.routed().orElseThrow();
            int kept = routed.kept(ratio);
            long[] rows = subsets.draw(call, routed.tokens(), kept);
            Shape shape = new Shape(labels.size(), kept);
            if (rows.length != shape.size()) {
                throw new IllegalStateException("the subsets of " + labels.size() + " pictures must have " + kept
                        + " tokens each but had " + rows.length + " in all");
            }
            both.add(name, shape, rows);
        }

        /** Draws the tokens that a call keeps, for all pictures of a request, one after the other. */
        @FunctionalInterface
        interface Subsets {
            long[] draw(int call, int tokens, int kept);
        }

        private static void check(NDList velocity, NDList input) {
            Shape[] expected = input.getShapes();
            Shape[] found = velocity.getShapes();
            if (!Arrays.equals(expected, found)) {
                throw new IllegalStateException(
                        "a velocity field must return one velocity for each array of the state, "
                                + Arrays.toString(expected) + ", but returned " + Arrays.toString(found));
            }
        }
    }
}
