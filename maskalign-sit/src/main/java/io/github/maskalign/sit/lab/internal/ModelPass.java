package io.github.maskalign.sit.lab.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.AlignmentLoss;
import io.github.maskalign.core.align.TokenSubset;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.analysis.SpatialStructure;
import io.github.maskalign.core.analysis.StabilityGap;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.sit.SampleLosses;
import io.github.maskalign.sit.SampleLosses.Denoised;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTLoss;
import io.github.maskalign.sit.SiTLoss.Aligned;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLossInput.Context;
import io.github.maskalign.sit.SiTOutput;
import io.github.maskalign.sit.SiTOutput.Wanted;
import io.github.maskalign.sit.lab.Analysis.Part;
import io.github.maskalign.sit.lab.internal.AnalysedWeights.Loaded;
import io.github.maskalign.sit.lab.internal.AnalysisPictures.Batch;
import io.github.maskalign.sit.lab.internal.Mirrors.Mirrored;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Looks at one model at one t over all pictures. One forward pass of all tokens serves every statistic of them; each mask
 * and the mirrored pictures take one more.
 */
final class ModelPass {
    private static final ScriptFunction LENGTHS = ScriptFunction.of(ModelPass.class, "analysis.py", "gradient_lengths");
    private static final ScriptFunction COSINES = ScriptFunction.of(ModelPass.class, "analysis.py", "cosines");
    private static final ScriptFunction FACTORS = ScriptFunction.of(ModelPass.class, "analysis.py", "factors");

    private final Loaded loaded;
    private final SiTConfig config;
    private final SiTLoss loss;
    private final SampleLosses samples;
    private final int projector;
    private final AnalysisPictures pictures;
    private final AnalysisSettings settings;
    private final ParameterStore store;

    /**
     * Prepares passes.
     *
     * @param projector which of the model's projectors is looked at, with its depth and encoder; any number without one
     */
    ModelPass(Loaded loaded, AnalysisPictures pictures, AnalysisSettings settings, int projector, NDManager owner) {
        this.loaded = loaded;
        config = loaded.model().config();
        loss = new SiTLoss(loaded.model(), loaded.path());
        samples = new SampleLosses(loss, pictures.basis());
        this.projector = projector;
        this.pictures = pictures;
        this.settings = settings;
        store = new ParameterStore(owner, false);
    }

    /**
     * Lengths at each picture's patch tokens, (pictures, T), and what they are made of.
     *
     * @param full of the alignment's gradient, all tokens seen
     * @param masked the same of a masked forward, 0 where a token is not seen; null if there is none
     * @param visible which tokens that saw
     * @param factors s, √(1 − s²), ‖ẑ‖ and gain, in this order
     * @param permuted with the targets of other pictures
     * @param permutedCosines s with those targets
     * @param mirrored of mirrored pictures
     * @param untrained with targets of an encoder of random weights; null if there are no pictures for it
     * @param denoising of the loss of denoising
     * @param aligned tokens in the alignment loss of a picture
     */
    record Scores(
            double[][] full,
            double @Nullable [][] masked,
            boolean[][] visible,
            double[][][] factors,
            double[][] permuted,
            double[][] permutedCosines,
            double[][] mirrored,
            double @Nullable [][] untrained,
            double[][] denoising,
            int aligned) {}

    /**
     * What was seen at one t.
     *
     * @param losses of each picture, by the name that logs use: {@code velocity}, or what there is instead
     * @param scores null unless gradients were asked for
     * @param cosines null unless the stability was asked for
     * @param pooled mean patch token at each tap: (taps, pictures, width); empty unless asked for
     * @param spatial neighbours' likeness at each tap, of each picture; empty unless asked for
     */
    record Found(
            Map<String, double[]> losses,
            @Nullable Scores scores,
            StabilityGap.@Nullable Cosines cosines,
            List<float[][]> pooled,
            List<List<SpatialStructure>> spatial) {}

    /** Returns how many patch tokens a masked forward sees. */
    static int kept(SiTConfig dropping) {
        return dropping.subset()
                .drawing()
                .kept(dropping.tokens(), dropping.subset().dropping().ratio());
    }

    Found at(double t) {
        boolean gradients = settings.has(Part.GRADIENTS);
        boolean stability = settings.has(Part.STABILITY);
        boolean drops = AnalysedWeights.canDrop(loaded.trained(), projector);
        int n = pictures.size();
        int tokens = config.tokens();
        int masks = drops ? stability ? settings.masks() : gradients ? 1 : 0 : 0;
        Collected out = new Collected(n, tokens, masks, config.hasClassToken(), depths());
        for (Batch batch : pictures.batches()) {
            try (NDManager scratch = batch.latents().getManager().newSubManager()) {
                whole(out, batch, t, scratch);
            }
            for (int k = 0; k < masks; k++) {
                try (NDManager scratch = batch.latents().getManager().newSubManager()) {
                    masked(out, batch, t, k, scratch);
                }
            }
            if (gradients) {
                try (NDManager scratch = batch.latents().getManager().newSubManager();
                        GradMode recording = GradMode.on()) {
                    SiTLossInput in = input(batch, t, null, true, scratch);
                    SiTOutput seen = forward(in, Set.of(tap()));
                    put(out.mirrored, batch, lengths(alignment(seen, in), hidden(seen, tap()), batch.size()));
                }
            }
        }
        boolean untrained = !pictures.batches().get(0).untrained().isEmpty();
        Scores scores = gradients
                ? new Scores(
                        out.full,
                        drops ? out.masked : null,
                        out.visible,
                        out.factors,
                        out.permuted,
                        out.permutedCosines,
                        out.mirrored,
                        untrained ? out.untrained : null,
                        out.denoising,
                        tokens + (config.hasClassToken() ? 1 : 0))
                : null;
        return new Found(
                out.losses,
                scores,
                stability && drops
                        ? new StabilityGap.Cosines(out.fullPatch, out.maskedPatch, out.fullClass, out.maskedClass)
                        : null,
                settings.looksAtTaps() ? out.pooled() : List.of(),
                out.spatial);
    }

    /** Lengths of the alignment's gradient at each picture's patch tokens, all seen: (pictures, T). */
    double[][] lengths(double t) {
        double[][] all = new double[pictures.size()][];
        for (Batch batch : pictures.batches()) {
            try (NDManager scratch = batch.latents().getManager().newSubManager();
                    GradMode recording = GradMode.on()) {
                SiTLossInput in = input(batch, t, null, false, scratch);
                SiTOutput seen = forward(in, Set.of(tap()));
                put(all, batch, lengths(alignment(seen, in), hidden(seen, tap()), batch.size()));
            }
        }
        return all;
    }

    private Set<Integer> depths() {
        Set<Integer> taps = new TreeSet<>();
        if (settings.looksAtTaps()) {
            for (int i = 0; i <= config.model().depth(); i++) {
                taps.add(i);
            }
        }
        return taps;
    }

    /** Returns the block behind which the projector looks. */
    int tap() {
        return config.align().depthOf(projector);
    }

    /** The encoder that the projector follows: one serves all. */
    private int encoder() {
        return pictures.encoders() == 1 ? 0 : projector;
    }

    private void whole(Collected out, Batch batch, double t, NDManager scratch) {
        boolean gradients = settings.has(Part.GRADIENTS);
        Set<Integer> taps = new TreeSet<>(out.taps);
        if (gradients) {
            taps.add(tap());
        }
        try (GradMode mode = gradients ? GradMode.on() : GradMode.off()) {
            SiTLossInput in = input(batch, t, null, false, scratch);
            SiTOutput seen = forward(in, taps);
            Denoised denoised = denoised(seen, in);
            denoised.parts().forEach((name, values) -> out.losses(name, batch.first(), values.toFloatArray()));
            if (settings.has(Part.STABILITY)) {
                Compared aligned = compared(seen, in);
                out.whole(batch.first(), COSINES.callForOne(aligned.prediction, aligned.target));
            }
            if (gradients) {
                gradients(out, batch, in, seen, denoised.total(), scratch);
            }
            for (int tap : out.taps) {
                tokens(out, batch.first(), tap, hidden(seen, tap));
            }
        }
    }

    private void gradients(
            Collected out, Batch batch, SiTLossInput in, SiTOutput seen, NDArray perSample, NDManager scratch) {
        int n = batch.size();
        NDArray hidden = hidden(seen, tap());
        put(out.full, batch, lengths(alignment(seen, in), hidden, n));
        Compared aligned = compared(seen, in);
        NDList parts = FACTORS.call(aligned.prediction, aligned.target, hidden);
        for (int i = 0; i < parts.size(); i++) {
            put(out.factors[i], batch, rows(parts.get(i), 1));
        }
        SiTLossInput others = withTarget(in, pictures.permuted(batch, encoder(), scratch));
        put(out.permuted, batch, lengths(alignment(seen, others), hidden, n));
        Compared apart = compared(seen, others);
        put(out.permutedCosines, batch, rows(COSINES.callForOne(apart.prediction, apart.target), 1));
        if (!batch.untrained().isEmpty()) {
            SiTLossInput random = withTarget(in, batch.untrained().get(encoder()));
            put(out.untrained, batch, lengths(alignment(seen, random), hidden, n));
        }
        put(out.denoising, batch, lengths(perSample.sum(), hidden, 1));
    }

    private void masked(Collected out, Batch batch, double t, int mask, NDManager scratch) {
        boolean gradients = settings.has(Part.GRADIENTS) && mask == 0;
        TokenSubset subset = new TokenSubsetSampler(config.subset(), pictures.draws(), 1)
                .draw(0, ((long) mask << 32) + batch.first(), batch.size(), config.tokens())
                .orElseThrow();
        try (GradMode mode = gradients ? GradMode.on() : GradMode.off()) {
            SiTLossInput in = input(batch, t, subset.toNDArray(scratch), false, scratch);
            SiTOutput seen = forward(in, gradients ? Set.of(tap()) : Set.of());
            Compared aligned = compared(seen, in);
            out.masked(batch.first(), mask, COSINES.callForOne(aligned.prediction, aligned.target));
            if (gradients) {
                double[][] lengths = lengths(alignment(seen, in), hidden(seen, tap()), batch.size());
                for (int i = 0; i < lengths.length; i++) {
                    long[] kept = subset.row(i);
                    for (int k = 0; k < kept.length; k++) {
                        out.masked[batch.first() + i][(int) kept[k]] = lengths[i][k];
                        out.visible[batch.first() + i][(int) kept[k]] = true;
                    }
                }
            }
        }
    }

    /** Everything drawn by position; labels are true. */
    SiTLossInput input(Batch batch, double t, @Nullable NDArray keep, boolean mirrored, NDManager scratch) {
        int first = batch.first();
        NDArray labels = batch.labels();
        Mirrored image = mirrored ? Objects.requireNonNull(batch.mirrored(), "mirrored pictures") : null;
        List<NDArray> tokens = image == null ? batch.tokens() : image.tokens();
        int n = batch.size();
        NDArray clean = (image == null ? batch.latents() : image.latents()).duplicate();
        clean.attach(scratch);
        Shape latents = clean.getShape();
        Shape shape = new Shape(n, config.model().inChannels(), latents.get(2), latents.get(3));
        int values = Math.toIntExact(shape.size() / n);
        NDArray noise = OwnedArrays.of(scratch, shape, pictures.draws().normal(RandomStream.NOISE, first, n, values));
        float[] times = new float[n];
        Arrays.fill(times, (float) t);
        int width = config.classTokenWidth();
        NDArray classNoise = width == 0
                ? null
                : OwnedArrays.of(
                        scratch,
                        new Shape(n, width),
                        pictures.draws().normal(RandomStream.CLASS_NOISE, first, n, width));
        return samples.input(new SiTLossInput(
                clean,
                mirrored ? Mirrors.flip(noise) : noise,
                OwnedArrays.of(scratch, new Shape(n), times),
                labels,
                targets(tokens),
                classNoise,
                keep,
                null,
                Context.FIRST));
    }

    /** Returns a target for each projector: one encoder serves all. */
    private List<NDArray> targets(List<NDArray> tokens) {
        if (!config.needsEncoder() || !pictures.hasTokens()) {
            return List.of();
        }
        int projectors = config.encoderWidths().size();
        return tokens.size() == 1 && projectors > 1 ? Collections.nCopies(projectors, tokens.get(0)) : tokens;
    }

    /** Returns the same batch with another target of the projector that is looked at. */
    private SiTLossInput withTarget(SiTLossInput in, NDArray target) {
        List<NDArray> all = new ArrayList<>(in.targets());
        all.set(projector, target);
        return in.withTargets(all);
    }

    SiTOutput forward(SiTLossInput in, Set<Integer> taps) {
        return loaded.model()
                .forward(store, loss.noised(in), false, BlockRunner.PLAIN, new Wanted(taps, Set.of(), false));
    }

    SiTLoss loss() {
        return loss;
    }

    /** What the projector that is looked at compares (n, [1+]K, Z). */
    private record Compared(NDArray prediction, NDArray target) {}

    private Compared compared(SiTOutput seen, SiTLossInput in) {
        Aligned all = loss.aligned(seen, in);
        return new Compared(all.predictions().get(projector), all.targets().get(projector));
    }

    /** The alignment loss of one projector: −mean cos over pictures and tokens, 0-d. */
    NDArray alignment(SiTOutput seen, SiTLossInput in) {
        Compared aligned = compared(seen, in);
        return AlignmentLoss.of(aligned.prediction, aligned.target);
    }

    /** The losses of denoising of each picture. */
    Denoised denoised(SiTOutput seen, SiTLossInput in) {
        return samples.of(seen, in);
    }

    private static NDArray hidden(SiTOutput seen, int tap) {
        NDArray hidden = seen.taps().hidden().get(tap);
        if (hidden == null) {
            throw new IllegalStateException("the output has no hidden tokens of block " + tap);
        }
        return hidden;
    }

    /** ‖∂L/∂h_i‖ of each picture's patch tokens, times a factor: with the number of pictures, of the picture's own loss. */
    private double[][] lengths(NDArray of, NDArray hidden, int factor) {
        return rows(LENGTHS.callForOne(of, hidden), factor);
    }

    /** (n, [1+]T) without the class token, times a factor. */
    private double[][] rows(NDArray values, int factor) {
        int n = (int) values.getShape().get(0);
        int width = (int) values.getShape().get(1);
        int from = config.hasClassToken() ? 1 : 0;
        double[] flat = values.toDoubleArray();
        double[][] rows = new double[n][width - from];
        for (int i = 0; i < n; i++) {
            for (int k = from; k < width; k++) {
                rows[i][k - from] = flat[i * width + k] * factor;
            }
        }
        return rows;
    }

    private static void put(double[][] all, Batch batch, double[][] rows) {
        System.arraycopy(rows, 0, all, batch.first(), rows.length);
    }

    /** Mean patch token and spatial structure of hidden tokens (n, [1+]T, D). */
    private void tokens(Collected out, int first, int tap, NDArray hidden) {
        NDArray patches = config.hasClassToken() ? hidden.get(new NDIndex(":, 1:")) : hidden;
        out.pool(first, tap, PatchTokens.means(patches));
        if (settings.has(Part.SPATIAL)) {
            out.spatial.get(tap).addAll(PatchTokens.structures(patches, config.grid()));
        }
    }
}
