package io.github.maskalign.examples.judge;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.evaluate.internal.FeatureAccumulator;
import io.github.maskalign.core.evaluate.internal.FeatureStatistics;
import io.github.maskalign.core.evaluate.internal.FeatureStatistics.FrechetDistance;
import io.github.maskalign.core.evaluate.internal.KernelDistance;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.examples.emoji.EmojiConfig;
import io.github.maskalign.examples.emoji.EmojiSet;
import io.github.maskalign.examples.judge.Degradation.Drawing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.DoubleFunction;
import java.util.stream.Collectors;

/**
 * Distances between drawings of an artist and spoilt copies of others of his, or of the same: a judge of quality puts
 * them in the order of the strengths, intact drawings first.
 */
public final class DegradedRanking implements AutoCloseable {
    private static final int CHUNK = 64;

    private final List<Drawing> reference = new ArrayList<>();
    private final List<Drawing> samples = new ArrayList<>();
    private final NDManager manager = NDManager.newBaseManager(Device.cpu());
    private final long seed;

    /**
     * Distances at strength 0 and the degradation's, in that order.
     *
     * @param frechet squared Fréchet distance
     * @param kernel squared maximum mean discrepancy with KID's kernel, unbiased
     */
    public record Distances(double[] frechet, double[] kernel) {}

    /**
     * Chooses the drawings.
     *
     * @param set whose drawings, best an artist's whom no encoder has seen
     * @param limit most drawings of each half
     * @param same whether spoilt copies are compared with the drawings they were made from, not with the other half
     * @param cache where drawn pictures are kept
     * @param seed of all random numbers
     */
    public DegradedRanking(String set, int limit, boolean same, Path cache, long seed) throws IOException {
        this.seed = seed;
        EmojiSet pictures = EmojiSet.open(
                new EmojiConfig(List.of(set), Degradation.SIDE, false, false), cache, (done, total) -> {});
        int count = Math.min(2 * limit, pictures.size() / 2 * 2);
        for (int i = 0; i < count; i++) { // in order of names, so both halves are spread over all
            int index = (int) ((long) i * pictures.size() / count);
            (i % 2 == 0 ? reference : samples)
                    .add(new Drawing(
                            pictures.pixels(index), pictures.entry(index).label()));
        }
        if (same) {
            reference.clear();
            reference.addAll(samples);
        }
    }

    /** Returns the number of drawings of each half. */
    public int size() {
        return samples.size();
    }

    /** Writes the judge's architecture with weights before training. */
    public static void writeUntrained(Path file, int seed) throws IOException {
        try (NDManager scratch = NDManager.newBaseManager(Device.cpu());
                GradMode off = GradMode.off()) {
            scratch.getEngine().setRandomSeed(seed);
            JudgeNetwork network = new JudgeNetwork();
            network.initialize(scratch, DataType.FLOAT32, new Shape(1, 3, JudgeNetwork.SIDE, JudgeNetwork.SIDE));
            network.export(Weights.of(network), Map.of(), Files.newOutputStream(file));
        }
    }

    /** Opens what {@link #writeUntrained} wrote. */
    public static RepresentationEncoder untrained(Path file) throws IOException {
        return Encoders.open(file, Preprocessing.EMOJI_JUDGE, ScriptTrust.trusted(), Device.cpu());
    }

    /** Measures one degradation by the class tokens of an encoder. */
    public Distances of(RepresentationEncoder encoder, Degradation degradation) {
        double[] strengths = degradation.strengths();
        double[] frechet = new double[strengths.length + 1];
        double[] kernel = new double[strengths.length + 1];
        try (NDManager scratch = manager.newSubManager();
                GradMode off = GradMode.off()) {
            NDArray real = features(scratch, encoder, reference);
            FeatureStatistics statistics = statistics(scratch, real);
            for (int k = 0; k <= strengths.length; k++) {
                NDArray spoilt = features(
                        scratch, encoder, k == 0 ? samples : degradation.apply(samples, strengths[k - 1], seed));
                frechet[k] = FrechetDistance.between(scratch, statistics, statistics(scratch, spoilt));
                kernel[k] = KernelDistance.squaredDiscrepancy(real, spoilt);
            }
        }
        return new Distances(frechet, kernel);
    }

    /**
     * Returns τ of both distances for each degradation and encoder, and the judge's Fréchet distances, as Markdown.
     *
     * @param judge first column
     * @param others further columns, by name
     */
    public String table(RepresentationEncoder judge, Map<String, RepresentationEncoder> others) {
        Map<String, RepresentationEncoder> encoders = new LinkedHashMap<>();
        encoders.put("judge", judge);
        encoders.putAll(others);
        String rule = "| --- ".repeat(encoders.size() + 2) + "|\n";
        StringBuilder out = new StringBuilder("| spoilt by, strengths | " + String.join(" | ", encoders.keySet())
                + " | Fréchet distance, judge |\n" + rule);
        Map<Boolean, double[][]> sums =
                Map.of(true, new double[encoders.size()][2], false, new double[encoders.size()][2]);
        for (Degradation degradation : Degradation.values()) {
            double[][] sum = sums.getOrDefault(degradation.kin(), new double[0][]);
            out.append("| ").append(degradation.title()).append(": ");
            out.append(joined(degradation.strengths(), DegradedRanking::shortest))
                    .append(" |");
            double[] own = {};
            int e = 0;
            for (RepresentationEncoder encoder : encoders.values()) {
                Distances found = of(encoder, degradation);
                sum[e][0] += tau(found.frechet);
                sum[e][1] += tau(found.kernel);
                out.append(taus(tau(found.frechet), tau(found.kernel)));
                own = e++ == 0 ? found.frechet : own;
            }
            out.append(' ')
                    .append(joined(own, d -> String.format(Locale.ROOT, "%.2f", d)))
                    .append(" |\n");
        }
        for (boolean kin : new boolean[] {true, false}) {
            long kinds = Arrays.stream(Degradation.values())
                    .filter(degradation -> degradation.kin() == kin)
                    .count();
            out.append(kin ? "| mean of those like its training |" : "| mean of the others |");
            for (double[] sum : sums.getOrDefault(kin, new double[0][])) {
                out.append(taus(sum[0] / kinds, sum[1] / kinds));
            }
            out.append(" |\n");
        }
        return out.toString();
    }

    private static String taus(double frechet, double kernel) {
        return String.format(Locale.ROOT, " %.2f / %.2f |", frechet, kernel);
    }

    private static String joined(double[] values, DoubleFunction<String> text) {
        return Arrays.stream(values).mapToObj(text).collect(Collectors.joining(", "));
    }

    private static String shortest(double strength) {
        return strength == Math.rint(strength) ? Long.toString((long) strength) : Double.toString(strength);
    }

    /** Kendall's τ between a series and its own order: pairs in order less pairs out of order, by all pairs. */
    static double tau(double[] distances) {
        int sum = 0;
        int pairs = 0;
        for (int i = 0; i < distances.length; i++) {
            for (int j = 0; j < i; j++) {
                sum += (int) Math.signum(distances[i] - distances[j]);
                pairs++;
            }
        }
        return (double) sum / pairs;
    }

    private static NDArray features(NDManager manager, RepresentationEncoder encoder, List<Drawing> drawings) {
        int length = 3 * Degradation.SIDE * Degradation.SIDE;
        float[] all = new float[drawings.size() * encoder.width()];
        for (int first = 0; first < drawings.size(); first += CHUNK) {
            int count = Math.min(CHUNK, drawings.size() - first);
            byte[] bytes = new byte[count * length];
            for (int i = 0; i < count; i++) {
                System.arraycopy(drawings.get(first + i).bytes(), 0, bytes, i * length, length);
            }
            try (NDManager scratch = manager.newSubManager()) {
                EncoderTokens tokens = encoder.encode(
                        OwnedArrays.of(scratch, new Shape(count, 3, Degradation.SIDE, Degradation.SIDE), bytes));
                float[] rows = tokens.classToken().toFloatArray();
                System.arraycopy(rows, 0, all, first * encoder.width(), rows.length);
            }
        }
        return OwnedArrays.of(manager, new Shape(drawings.size(), encoder.width()), all);
    }

    private static FeatureStatistics statistics(NDManager manager, NDArray rows) {
        try (FeatureAccumulator sum =
                new FeatureAccumulator(manager, Math.toIntExact(rows.getShape().get(1)))) {
            sum.add(rows);
            return sum.statistics();
        }
    }

    @Override
    public void close() {
        manager.close();
    }
}
