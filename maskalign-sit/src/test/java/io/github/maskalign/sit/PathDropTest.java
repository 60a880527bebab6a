package io.github.maskalign.sit;

import static io.github.maskalign.sit.TinySiT.N;
import static io.github.maskalign.sit.TinySiT.T;
import static io.github.maskalign.sit.TinySiT.input;
import static io.github.maskalign.sit.TinySiT.keepFive;
import static io.github.maskalign.sit.TinySiT.moved;
import static io.github.maskalign.sit.TinySiT.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.Guidance.Unconditional;
import io.github.maskalign.core.sample.SampleRequest;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Samples that do without the sparse blocks, in training and under guidance. */
class PathDropTest {
    private static final SiTConfig SPARSE = TinySiT.plain().withSparse(1, 0.25);

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
        manager.getEngine().setRandomSeed(31);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void aDroppedPathHidesWhichTokensWereKept() {
        SiT model = moved(SPARSE, manager);
        SiTInput in = input(SPARSE, manager, null);
        NDArray second = flags(0, 1, 0);

        float[] all = run(model, dropping(in, null, second)).velocity().get(1).toFloatArray();
        float[] five = run(model, dropping(in, keepFive(manager), second))
                .velocity()
                .get(1)
                .toFloatArray();
        NDArray unmasked = run(model, in).velocity();

        assertThat(five).isEqualTo(all);
        assertThat(unmasked.get(1).toFloatArray()).isNotEqualTo(all);
        assertThat(run(model, dropping(in, null, second)).velocity().get(0).toFloatArray())
                .isEqualTo(unmasked.get(0).toFloatArray());
    }

    @Test
    void halfABatchWithoutItsPathIsTheBatchWithThoseFlags() {
        SiTConfig config = TinySiT.reg().withSparse(1, 0.25);
        SiT model = moved(config, manager);
        SiTInput in = input(config, manager, null);
        SiTInput two = new SiTInput(
                in.x().get("0:2"),
                in.t().get("0:2"),
                in.y().get("0:2"),
                in.classToken().get("0:2"),
                null,
                null);

        SiTOutput flagged = run(model, dropping(two, null, flags(0, 1)));
        NDList half = new SiTVelocityField(model, new ParameterStore(manager, false))
                .velocityWithoutPath(new NDList(two.x(), two.classToken()), two.t(), two.y());

        assertThat(half.get(0).toFloatArray())
                .containsExactly(flagged.velocity().toFloatArray(), within(2e-5f)); // other batch sizes of the products
        assertThat(half.get(1).toFloatArray())
                .containsExactly(flagged.toNDList().get(1).toFloatArray(), within(2e-5f));
    }

    @Test
    void pathsAreDrawnByPositionAndDisturbNoOtherDraw() {
        SiTObjective with = objective(SPARSE);
        SiTObjective without = objective(TinySiT.plain().withSparse(1, 0));

        SiTLossInput drawn = with.input(manager, 0, 40, 4000);
        SiTLossInput later = with.input(manager, 0, 1040, 5);
        SiTLossInput none = without.input(manager, 0, 40, 5);

        float[] flags = drawn.pathDropped().toFloatArray();
        double share = 0;
        for (float flag : flags) {
            assertThat(flag).isIn(0f, 1f);
            share += flag / flags.length;
        }
        assertThat(share).isBetween(0.22, 0.28); // 4000 draws of probability 1/4: 0.25 ± 0.007
        assertThat(later.pathDropped().toFloatArray())
                .isEqualTo(drawn.pathDropped().get("1000:1005").toFloatArray());
        assertThat(none.pathDropped()).isNull();
        assertThat(none.noise().toFloatArray())
                .isEqualTo(drawn.noise().get("0:5").toFloatArray());
        assertThat(none.keep().toLongArray()).isEqualTo(drawn.keep().get("0:5").toLongArray());
        assertThat(none.dropped().toFloatArray())
                .isEqualTo(drawn.dropped().get("0:5").toFloatArray());
        assertThat(with.input(manager, 9, 40, 5).keep()).isNull(); // the tail: no subset, but paths
        assertThat(with.input(manager, 9, 40, 5).pathDropped().toFloatArray())
                .isEqualTo(drawn.pathDropped().get("0:5").toFloatArray());
    }

    @Test
    void othersHaveNoPathToDrop() {
        SiT plain = moved(TinySiT.plain(), manager);
        SiT sparse = moved(SPARSE, manager);
        SiTInput in = input(TinySiT.plain(), manager, null);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> run(plain, dropping(in, null, flags(0, 1, 0))))
                .withMessage(
                        "pathDropped was given but this model's placement is NONE: SPARSE alone has a path to drop");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> run(sparse, dropping(in, null, flags(0, 1))))
                .withMessage("pathDropped must have shape (3) but has (2)");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> sample(plain))
                .withMessage(
                        "unconditional PATH_DROP needs a model with subset.placement SPARSE, whose path can be left out,"
                                + " but this one has none: choose NULL_LABEL");
        assertThat(sample(sparse).get(0).getShape()).isEqualTo(new Shape(2, 3, 6, 6));
    }

    @Test
    void aRunThatDropsOtherPathsThanTheModelIsRefused() {
        SubsetConfig other = SPARSE.subset().withSparse(1, 0.5);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> SPARSE.requirePlacement(other))
                .withMessage(
                        "the model and its subsets must have the same sparse path, but the model has"
                                + " Sparse[dense=1, pathDrop=0.25] and the subsets are drawn for Sparse[dense=1, pathDrop=0.5]");
    }

    private NDList sample(SiT model) {
        SamplerConfig config = SamplerConfig.defaults()
                .withMethod(SamplerConfig.SamplerMethod.EULER, 2)
                .withGuidance(new Guidance(3, 0, 0, 1).withUnconditional(Unconditional.PATH_DROP));
        return new Sampler(config, Interpolant.LINEAR)
                .sample(
                        manager,
                        new SiTVelocityField(model, new ParameterStore(manager, false)),
                        new SampleRequest(0, new long[] {1, 2}, new Shape(3, 6, 6), 0),
                        NoiseSource.of(new Draws(3)));
    }

    private NDArray flags(float... values) {
        return manager.create(values).duplicate();
    }

    private static SiTInput dropping(SiTInput in, NDArray keep, NDArray flags) {
        return new SiTInput(in.x(), in.t(), in.y(), in.classToken(), keep, in.dropped(), flags);
    }

    private SiTObjective objective(SiTConfig config) {
        SubsetConfig tail = config.subset().withUnmaskedTailSteps(1);
        return new SiTObjective(
                new SiTLoss(TinySiT.fresh(config, manager), Interpolant.LINEAR),
                DiffusionConfig.defaults(),
                new Zeros(),
                null,
                new TokenSubsetSampler(tail, new Draws(5), 10));
    }

    private static final class Zeros implements TrainingData {
        @Override
        public long size() {
            return N * T;
        }

        @Override
        public TrainingBatch batch(NDManager manager, long first, int count) {
            return new TrainingBatch(
                    manager.zeros(new Shape(count, 3, 6, 6)), TinySiT.labels(manager, new long[count]), null, null);
        }
    }
}
