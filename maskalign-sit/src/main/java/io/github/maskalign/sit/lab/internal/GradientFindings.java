package io.github.maskalign.sit.lab.internal;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.core.analysis.Measured;
import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.analysis.PositionScores;
import io.github.maskalign.core.analysis.PositionScores.Mirror;
import io.github.maskalign.core.analysis.PositionScores.Preference;
import io.github.maskalign.core.analysis.PositionScores.Relation;
import io.github.maskalign.core.analysis.PositionScores.Reliability;
import io.github.maskalign.sit.lab.internal.ModelPass.Scores;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;

/**
 * Where the alignment's gradient prefers to be at one checkpoint and t: MaskAlign Sec. 4.1, with null models, factors and
 * controls.
 *
 * @param scores lengths at all tokens
 * @param grid side of the grid of tokens
 * @param resampling how intervals and chance are drawn
 * @param factorises whether the projector sees one token at a time, so that a length is a product of factors
 * @param untrained lengths of the same model before anything was learnt
 */
record GradientFindings(Scores scores, int grid, Resampling resampling, boolean factorises, double[][] untrained) {
    /** The paper's share: the tenth of a picture's tokens with the longest gradients. */
    static final double SHARE = 0.1;

    /** Names of the factors: √(1 − s²), 1/‖ẑ‖, ‖Jᵀu‖. */
    private static final String[] FACTORS = {"angle", "inverseNorm", "gain"};

    PositionScores full() {
        return of(scores.full());
    }

    /** Ranks the tokens that a masked forward saw; empty without one, or if some position was never seen. */
    Optional<PositionScores> masked() {
        double[][] masked = scores.masked();
        if (masked == null) {
            return Optional.empty();
        }
        boolean all = IntStream.range(0, grid * grid)
                .allMatch(i -> Arrays.stream(scores.visible()).anyMatch(seen -> seen[i]));
        return all ? Optional.of(PositionScores.masked(masked, scores.visible(), grid, grid, SHARE)) : Optional.empty();
    }

    private PositionScores of(double[][] lengths) {
        return PositionScores.full(lengths, grid, grid, SHARE);
    }

    JsonObject json() {
        PositionScores full = full();
        JsonObject out = new JsonObject();
        JsonObject whole = whole(full, scores.full());
        count(whole, full);
        out.add("full", whole);
        masked().ifPresent(masked -> {
            JsonObject of = map(masked);
            count(of, masked);
            of.add("withFull", json(masked.relation(full, true, true, resampling)));
            out.add("masked", of);
        });
        out.add("factors", factors(full));
        JsonObject controls = new JsonObject();
        JsonObject permuted = control(scores.permuted(), full);
        permuted.add("cosine", mean(scores.permutedCosines()));
        permuted.add("angle", mean(mapped(scores.permutedCosines(), s -> Math.sqrt(Math.max(0, 1 - s * s)))));
        controls.add("permutedTargets", permuted);
        double[][] unlearnt = scores.untrained();
        if (unlearnt != null) {
            controls.add("untrainedEncoder", control(unlearnt, full));
        }
        JsonObject mirrored = control(scores.mirrored(), full);
        Mirror mirror = full.mirror(of(scores.mirrored()), true, resampling);
        mirrored.add("mirrored", AnalysisJson.of(mirror.mirrored()));
        mirrored.add("unmirrored", AnalysisJson.of(mirror.unmirrored()));
        controls.add("mirroredPictures", mirrored);
        controls.add("untrainedModel", control(untrained, full));
        controls.add("denoisingGradient", control(scores.denoising(), full));
        out.add("controls", controls);
        return out;
    }

    private JsonObject whole(PositionScores full, double[][] lengths) {
        JsonObject out = map(full);
        out.add("kendall", AnalysisJson.of(full.kendall(resampling)));
        if (positive(lengths)) {
            out.add("positionShare", AnalysisJson.of(full.positionShare(resampling)));
        }
        out.add("length", mean(lengths));
        return out;
    }

    private JsonObject control(double[][] lengths, PositionScores full) {
        PositionScores scored = of(lengths);
        JsonObject out = whole(scored, lengths);
        out.add("withFull", json(scored.relation(full, true, true, resampling)));
        return out;
    }

    /** s, lengths and gain, each with its own map, and its part in the differences between a picture's tokens. */
    private JsonObject factors(PositionScores full) {
        double[][][] raw = scores.factors();
        double[][] inverse = mapped(raw[2], norm -> 1 / norm);
        double[][][] all = {raw[1], inverse, raw[3]};
        JsonObject out = new JsonObject();
        out.add("cosine", mean(raw[0]));
        out.add("norm", mean(raw[2]));
        out.addProperty("aligned", scores.aligned());
        if (factorises) {
            out.addProperty("productDeviation", productDeviation());
        }
        for (int f = 0; f < all.length; f++) {
            PositionScores scored = of(all[f]);
            JsonObject of = map(scored);
            of.add("mean", mean(all[f]));
            of.add("withFull", json(scored.relation(full, true, true, resampling)));
            if (factorises && positive(all[f]) && positive(scores.full())) {
                of.add("share", AnalysisJson.of(Measured.mean(shares(all[f], scores.full()), resampling)));
            }
            out.add(FACTORS[f], of);
        }
        return out;
    }

    /** Largest relative difference of a length and the product of its factors, (angle / (N‖ẑ‖)) · gain. */
    double productDeviation() {
        double[][][] raw = scores.factors();
        double worst = 0;
        for (int m = 0; m < scores.full().length; m++) {
            for (int i = 0; i < scores.full()[m].length; i++) {
                double g = scores.full()[m][i];
                double product = raw[1][m][i] / (scores.aligned() * raw[2][m][i]) * raw[3][m][i];
                worst = Math.max(worst, Math.abs(product - g) / Math.max(Math.max(g, product), Double.MIN_NORMAL));
            }
        }
        return worst;
    }

    /** cov(ln f, ln g) / var(ln g) over each picture's tokens: of the three factors they add up to 1. */
    private static double[] shares(double[][] factor, double[][] lengths) {
        return IntStream.range(0, factor.length)
                .mapToDouble(m -> {
                    double[] f = Arrays.stream(factor[m]).map(Math::log).toArray();
                    double[] g = Arrays.stream(lengths[m]).map(Math::log).toArray();
                    double meanF = Arrays.stream(f).average().orElseThrow();
                    double meanG = Arrays.stream(g).average().orElseThrow();
                    double both = 0;
                    double own = 0;
                    for (int i = 0; i < f.length; i++) {
                        both += (f[i] - meanF) * (g[i] - meanG);
                        own += (g[i] - meanG) * (g[i] - meanG);
                    }
                    return own == 0 ? 0 : both / own;
                })
                .toArray();
    }

    private static void count(JsonObject out, PositionScores scored) {
        out.add("counts", AnalysisJson.of(scored.counts()));
        out.add("seen", AnalysisJson.of(scored.seen()));
        out.addProperty("top", scored.topSizes()[0]);
    }

    private JsonObject map(PositionScores scored) {
        Preference found = scored.preference(resampling);
        JsonObject out = new JsonObject();
        out.add("map", AnalysisJson.of(scored.map().values()));
        out.add("spread", AnalysisJson.of(found.spread()));
        out.add("uniformity", AnalysisJson.of(found.uniformity()));
        out.add("chiSquaredP", AnalysisJson.of(found.chiSquared()));
        out.add("entropy", AnalysisJson.of(found.entropy()));
        out.add("totalVariation", AnalysisJson.of(found.totalVariation()));
        out.add("moran", AnalysisJson.of(found.moran()));
        JsonArray rings = new JsonArray();
        found.rings().forEach(ring -> rings.add(AnalysisJson.of(ring)));
        out.add("rings", rings);
        Reliability halves = scored.splitHalf(resampling);
        out.add("halves", AnalysisJson.of(halves.half()));
        out.add("reliability", AnalysisJson.of(halves.whole()));
        return out;
    }

    static JsonObject json(Relation relation) {
        JsonObject out = new JsonObject();
        out.add("spearman", AnalysisJson.of(relation.spearman()));
        out.add("overlap", AnalysisJson.of(relation.overlap()));
        out.add("jaccard", AnalysisJson.of(relation.jaccard()));
        return out;
    }

    /** Mean over pictures of each picture's mean. */
    private JsonObject mean(double[][] values) {
        double[] rows = Arrays.stream(values)
                .mapToDouble(row -> Arrays.stream(row).average().orElseThrow())
                .toArray();
        return AnalysisJson.of(Measured.mean(rows, resampling));
    }

    private static double[][] mapped(double[][] values, DoubleUnaryOperator by) {
        return Arrays.stream(values)
                .map(row -> Arrays.stream(row).map(by).toArray())
                .toArray(double[][]::new);
    }

    private static boolean positive(double[][] values) {
        return Arrays.stream(values).allMatch(row -> Arrays.stream(row).allMatch(v -> v > 0));
    }
}
