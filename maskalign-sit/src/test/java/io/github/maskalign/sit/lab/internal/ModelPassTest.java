package io.github.maskalign.sit.lab.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.AlignmentLoss;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.analysis.Measured;
import io.github.maskalign.core.analysis.PositionScores;
import io.github.maskalign.core.analysis.PositionScores.Preference;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.internal.SplitMix64;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTInput;
import io.github.maskalign.sit.SiTLoss.Aligned;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTOutput;
import io.github.maskalign.sit.lab.Analysis.Part;
import io.github.maskalign.sit.lab.internal.AnalysedWeights.Loaded;
import io.github.maskalign.sit.lab.internal.AnalysisPictures.Batch;
import io.github.maskalign.sit.lab.internal.AnalysisPictures.Facts;
import io.github.maskalign.sit.lab.internal.Mirrors.Mirrored;
import io.github.maskalign.sit.lab.internal.ModelPass.Found;
import io.github.maskalign.sit.lab.internal.ModelPass.Scores;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class ModelPassTest {
    private static final int GRID = 5;
    private static final int WIDTH = 12;
    private static final int PICTURES = 32;
    private static final double T = 0.4;

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    private static AnalysisSettings settings(Set<Part> parts, int pictures, int batch, long seed) {
        return new AnalysisSettings(parts, pictures, List.of(T), 3, seed, batch, 200);
    }

    /** A model with random weights; adaLN's are drawn too, or no block would do anything. */
    private Loaded model(boolean classToken, boolean trained, long seed) {
        SiTConfig config = SiTConfig.of(GRID, 1, 3, 16, 3, 2, 4).withAlignment(2, 24, List.of(WIDTH));
        SiTConfig whole = classToken ? config.withClassToken(WIDTH) : config;
        SiT model = new SiT(AnalysedWeights.dropping(whole), Precision.FLOAT32);
        Engine.getInstance().setRandomSeed((int) seed);
        model.initialize(manager);
        if (trained) {
            SplitMix64 random = new SplitMix64(seed);
            try (GradMode editing = GradMode.off()) {
                Weights.of(model).forEach((key, array) -> {
                    if (key.contains("adaLN") || key.startsWith("final_layer")) {
                        float[] values = new float[(int) array.size()];
                        for (int i = 0; i < values.length; i++) {
                            values[i] = (float) (0.2 * random.nextGaussian());
                        }
                        try (NDArray drawn = OwnedArrays.of(manager, array.getShape(), values)) {
                            array.addi(drawn);
                        }
                    }
                });
            }
        }
        return new Loaded(model, whole, Interpolant.LINEAR, List.of());
    }

    private AnalysisPictures pictures(int count, int batch, long seed) {
        List<Batch> batches = new ArrayList<>();
        for (int first = 0; first < count; first += batch) {
            int n = Math.min(batch, count - first);
            long[] labels = new long[n];
            for (int i = 0; i < n; i++) {
                labels[i] = (first + i) % 4;
            }
            batches.add(new Batch(
                    first,
                    normal(new Shape(n, 3, GRID, GRID), first, 1, seed),
                    OwnedArrays.of(manager, new Shape(n), labels),
                    List.of(normal(new Shape(n, 1 + GRID * GRID, WIDTH), first, 2, seed)),
                    new Mirrored(
                            normal(new Shape(n, 3, GRID, GRID), first, 5, seed),
                            List.of(normal(new Shape(n, 1 + GRID * GRID, WIDTH), first, 3, seed))),
                    List.of(normal(new Shape(n, 1 + GRID * GRID, WIDTH), first, 4, seed))));
        }
        return new AnalysisPictures(batches, new Draws(seed), facts("noise"));
    }

    private static Facts facts(String identity) {
        return new Facts(identity, GRID, Optional.empty(), false, List.of(WIDTH), List.of());
    }

    /** Numbers that belong to a picture's position, not to its batch. */
    private NDArray normal(Shape shape, int first, int what, long seed) {
        float[] values = new float[(int) shape.size()];
        int each = values.length / (int) shape.get(0);
        for (int i = 0; i < values.length; i++) {
            if (i % each == 0) {
                random = new SplitMix64(SplitMix64.mix(seed * 1000 + what * 100 + first + i / each));
            }
            values[i] = (float) random.nextGaussian();
        }
        return OwnedArrays.of(manager, shape, values);
    }

    private SplitMix64 random = new SplitMix64(0);

    @Test
    void theLengthsAreThoseOfTheAlignmentsGradientAndTheProductOfTheirFactors() {
        for (boolean classToken : new boolean[] {false, true}) {
            Loaded loaded = model(classToken, true, 3);
            AnalysisPictures pictures = pictures(PICTURES, 8, 1);
            AnalysisSettings settings = settings(EnumSet.of(Part.GRADIENTS), PICTURES, 8, 1);
            ModelPass pass = new ModelPass(loaded, pictures, settings, 0, manager);
            Scores scores = pass.at(T).scores();
            assertThat(scores).isNotNull();

            Batch batch = pictures.batches().get(1);
            double[][] lengths = gradientLengths(pass, batch, classToken);
            for (int i = 0; i < batch.size(); i++) {
                for (int k = 0; k < GRID * GRID; k++) {
                    double expected = lengths[i][k];
                    assertThat(scores.full()[8 + i][k]).isCloseTo(expected, within(1e-5 * expected));
                }
            }
            // MaskAlign's closed form: sqrt(1 - s^2) / (N |z|) times the gain of the projector
            for (int m = 0; m < PICTURES; m++) {
                for (int k = 0; k < GRID * GRID; k++) {
                    double s = scores.factors()[0][m][k];
                    double product = Math.sqrt(1 - s * s)
                            / (scores.aligned() * scores.factors()[2][m][k])
                            * scores.factors()[3][m][k];
                    double g = scores.full()[m][k];
                    assertThat(product).isCloseTo(g, within(1e-5 * g));
                }
            }
            assertThat(scores.aligned()).isEqualTo(GRID * GRID + (classToken ? 1 : 0));
        }
    }

    /** By automatic differentiation of the loss that trains, of a picture's own loss. */
    private double[][] gradientLengths(ModelPass pass, Batch batch, boolean classToken) {
        try (NDManager scratch = manager.newSubManager();
                GradMode recording = GradMode.on()) {
            SiTLossInput in = pass.input(batch, T, null, false, scratch);
            SiTOutput seen = pass.forward(in, Set.of(2));
            Aligned aligned = pass.loss().aligned(seen, in);
            NDArray loss = new AlignmentLoss().evaluate(aligned.targets(), aligned.predictions());
            NDArray hidden = seen.taps().hidden().get(2);
            NDArray gradient =
                    Autograd.gradients(loss, new NDList(hidden), scratch).singletonOrThrow();
            NDArray patches = classToken ? gradient.get(new NDIndex(":, 1:")) : gradient;
            float[] flat = patches.toFloatArray();
            int width = (int) patches.getShape().get(2);
            double[][] lengths = new double[batch.size()][GRID * GRID];
            for (int i = 0; i < flat.length; i++) {
                lengths[i / width / (GRID * GRID)][i / width % (GRID * GRID)] += (double) flat[i] * flat[i];
            }
            return Arrays.stream(lengths)
                    .map(row -> Arrays.stream(row)
                            .map(v -> Math.sqrt(v) * batch.size())
                            .toArray())
                    .toArray(double[][]::new);
        }
    }

    @Test
    void theTargetsOfOtherPicturesChangeTheAngle() {
        Loaded loaded = model(true, true, 4);
        AnalysisPictures random = pictures(PICTURES, 16, 2);
        AnalysisSettings settings = settings(EnumSet.of(Part.GRADIENTS), PICTURES, 16, 2);
        // targets that are what the model projects: the angle is 0 with them and not with those of other pictures
        List<Batch> batches = new ArrayList<>();
        ModelPass first = new ModelPass(loaded, random, settings, 0, manager);
        for (Batch batch : random.batches()) {
            SiTOutput seen = first.forward(first.input(batch, T, null, false, manager), Set.of());
            NDArray own = seen.projected().get(0);
            NDArray kept = batch.tokens().get(0).get(new NDIndex(":, 0:1")).concat(own.get(new NDIndex(":, 1:")), 1);
            batches.add(new Batch(
                    batch.first(),
                    batch.latents(),
                    batch.labels(),
                    List.of(kept),
                    new Mirrored(batch.latents(), List.of(kept)),
                    List.of()));
        }
        AnalysisPictures aligned = new AnalysisPictures(batches, new Draws(2), facts("own"));

        Scores scores =
                new ModelPass(loaded, aligned, settings, 0, manager).at(T).scores();

        assertThat(scores.untrained()).isNull();
        for (int m = 0; m < PICTURES; m++) {
            for (int k = 0; k < GRID * GRID; k++) {
                assertThat(scores.factors()[0][m][k]).isGreaterThan(0.999999);
                assertThat(scores.factors()[1][m][k]).isLessThan(1e-3);
            }
        }
        assertThat(Arrays.stream(scores.permutedCosines())
                        .flatMapToDouble(Arrays::stream)
                        .average()
                        .orElseThrow())
                .isLessThan(0.999);
        assertThat(scores.permuted()[0][0]).isGreaterThan(10 * scores.full()[0][0]);
    }

    @Test
    void otherBatchesChangeNothingButRounding() {
        Loaded loaded = model(true, true, 5);
        Found[] found = new Found[2];
        int[] sizes = {5, 32};
        for (int i = 0; i < 2; i++) {
            AnalysisSettings settings = settings(EnumSet.allOf(Part.class), PICTURES, sizes[i], 6);
            found[i] = new ModelPass(loaded, pictures(PICTURES, sizes[i], 6), settings, 0, manager).at(T);
        }
        close(found[0].scores().full(), found[1].scores().full());
        close(found[0].scores().masked(), found[1].scores().masked());
        assertThat(found[0].scores().visible()).isDeepEqualTo(found[1].scores().visible());
        close(found[0].scores().permuted(), found[1].scores().permuted());
        close(found[0].scores().mirrored(), found[1].scores().mirrored());
        close(found[0].scores().denoising(), found[1].scores().denoising());
        close(found[0].cosines().maskedPatch(), found[1].cosines().maskedPatch());
        close(found[0].cosines().maskedClass(), found[1].cosines().maskedClass());
        close(
                new double[][] {found[0].losses().get("velocity")},
                new double[][] {found[1].losses().get("velocity")});
        assertThat(found[0].spatial().get(3).get(7).lds())
                .isCloseTo(found[1].spatial().get(3).get(7).lds(), within(1e-5));
        assertThat(found[0].pooled().get(1)[9])
                .containsExactly(found[1].pooled().get(1)[9], within(1e-5f));
    }

    private static void close(double[][] a, double[][] b) {
        for (int i = 0; i < a.length; i++) {
            assertThat(a[i]).hasSameSizeAs(b[i]);
            for (int k = 0; k < a[i].length; k++) {
                assertThat(a[i][k]).isCloseTo(b[i][k], within(1e-4 * Math.abs(b[i][k]) + 1e-7));
            }
        }
    }

    @Test
    void aMaskedForwardSeesAsManyTokensAsTrainingKeeps() {
        AnalysisSettings settings = settings(EnumSet.of(Part.GRADIENTS, Part.STABILITY), PICTURES, 16, 7);

        Found found = new ModelPass(model(false, true, 6), pictures(PICTURES, 16, 7), settings, 0, manager).at(T);

        assertThat(found.cosines().maskedPatch()[0]).hasSize(3).doesNotHaveDuplicates();
        assertThat(found.cosines().fullClass()).isEmpty();
        for (int m = 0; m < PICTURES; m++) {
            int seen = 0;
            for (int k = 0; k < GRID * GRID; k++) {
                seen += found.scores().visible()[m][k] ? 1 : 0;
                assertThat(found.scores().masked()[m][k] > 0)
                        .isEqualTo(found.scores().visible()[m][k]);
            }
            assertThat(seen).isEqualTo(18); // floor(0.75 * 25), the rule of training
        }
        assertThat(found.pooled()).isEmpty();
    }

    /** Parts that decide what all tokens give must stay when a model is looked at: the path of SPARSE, the painting decoder. */
    @Test
    void theAnalysedModelPredictsWhatTheTrainedOneDoes() {
        SiTConfig plain = SiTConfig.of(6, 1, 3, 16, 5, 2, 4).withAlignment(2, 24, List.of(WIDTH));
        SubsetConfig decoded = new SubsetConfig(
                SubsetPlacement.DROP_REINSERT,
                SubsetConfig.defaults().dropping(),
                SubsetConfig.defaults().drawing(),
                SubsetConfig.defaults().route(),
                SubsetConfig.defaults().sparse(),
                Optional.of(new SubsetConfig.Decoder(2, 8, 2)));
        for (SiTConfig config : List.of(
                plain,
                plain.withPlacement(SubsetPlacement.DROP_REINSERT, 0, 0),
                plain.withPlacement(SubsetPlacement.ROUTE, 1, 3),
                plain.withSparse(1, 0.1),
                plain.withSubset(decoded),
                plain.withProcess(Process.DDPM))) {
            SiT trained = new SiT(config, Precision.FLOAT32);
            SiT analysed = new SiT(AnalysedWeights.dropping(config), Precision.FLOAT32);
            Engine.getInstance().setRandomSeed(8);
            trained.initialize(manager);
            analysed.initialize(manager);
            Map<String, NDArray> own = Weights.of(analysed);
            SplitMix64 draw = new SplitMix64(9);
            try (GradMode editing = GradMode.off()) {
                Weights.of(trained).forEach((key, array) -> {
                    float[] values = new float[(int) array.size()];
                    for (int i = 0; i < values.length; i++) {
                        values[i] = (float) (0.2 * draw.nextGaussian());
                    }
                    array.set(values);
                    if (own.containsKey(key)) {
                        own.get(key).set(values);
                    }
                });
            }
            SiTInput in = new SiTInput(
                    normal(new Shape(2, 3, 6, 6), 0, 1, 3),
                    manager.create(new float[] {0.3f, 0.7f}),
                    manager.create(new long[] {1, 2}),
                    null,
                    null,
                    null);
            ParameterStore store = new ParameterStore(manager, false);

            float[] expected = trained.forward(store, in, false).velocity().toFloatArray();
            float[] found = analysed.forward(store, in, false).velocity().toFloatArray();

            assertThat(found).as(config.subset().placement().name()).containsExactly(expected);
        }
    }

    /** Without the position table nothing tells one place of independent noise from another: chance is all there is. */
    private Preference exchangeable(long seed) {
        Loaded loaded = model(false, false, seed);
        try (GradMode editing = GradMode.off()) {
            NDArray positions = Weights.of(loaded.model()).get("pos_embed");
            positions.subi(positions.duplicate());
        }
        AnalysisSettings settings = settings(EnumSet.of(Part.GRADIENTS), 64, 32, seed);
        double[][] lengths = new ModelPass(loaded, pictures(64, 32, seed), settings, 0, manager).lengths(T);
        return PositionScores.full(lengths, GRID, GRID, GradientFindings.SHARE).preference(settings.resampling());
    }

    @Test
    void aModelThatCannotTellPlacesApartPrefersNone() {
        Preference found = exchangeable(11);

        for (Measured measured :
                List.of(found.spread(), found.uniformity(), found.entropy(), found.totalVariation(), found.moran())) {
            assertThat(measured.chance().orElseThrow().pValue()).isGreaterThan(0.025);
        }
        assertThat(found.chiSquared()).isGreaterThan(0.025);
    }

    @Test
    @Tag("slow")
    void outOfManySuchModelsAsManyLieOutsideAsTheLevelSays() {
        int outside = 0;
        int models = 200;
        for (int seed = 0; seed < models; seed++) {
            outside += exchangeable(1000 + seed)
                                    .totalVariation()
                                    .chance()
                                    .orElseThrow()
                                    .pValue()
                            <= 0.05
                    ? 1
                    : 0;
        }
        // binomial of 200 at 0.05 or less, as the statistic is discrete: 10 expected at most, 20 are beyond 99.9 %
        assertThat(outside).isBetween(0, 20);
    }

    @Test
    void aModelThatKnowsPlacesPrefersSomeBeforeItHasLearntAnything() {
        Loaded loaded = model(false, false, 11);
        AnalysisSettings settings = settings(EnumSet.of(Part.GRADIENTS), 64, 32, 11);
        AnalysisPictures blank = pictures(64, 32, 11);
        for (Batch batch : blank.batches()) {
            batch.latents().subi(batch.latents().duplicate());
        }

        double[][] lengths = new ModelPass(loaded, blank, settings, 0, manager).lengths(0.05);

        Preference found =
                PositionScores.full(lengths, GRID, GRID, GradientFindings.SHARE).preference(settings.resampling());
        assertThat(found.chiSquared()).isLessThan(1e-4);
    }
}
