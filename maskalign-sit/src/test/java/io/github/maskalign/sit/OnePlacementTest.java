package io.github.maskalign.sit;

import static io.github.maskalign.sit.TinySiT.CLASSES;
import static io.github.maskalign.sit.TinySiT.ENCODER;
import static io.github.maskalign.sit.TinySiT.N;
import static io.github.maskalign.sit.TinySiT.T;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTObjective.KeptTokens;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A model and the subsets that a run draws for it are given a placement each: a difference ends the run before it begins. */
class OnePlacementTest {
    private static final Draws DRAWS = new Draws(5);
    private static final int STEPS = 10;

    static Stream<Arguments> pairs() {
        return Arrays.stream(SubsetPlacement.values())
                .flatMap(model -> Arrays.stream(SubsetPlacement.values()).map(drawn -> Arguments.of(model, drawn)));
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void theObjectiveTakesEqualPlacementsAlone(SubsetPlacement inModel, SubsetPlacement drawn) {
        try (NDManager manager = NDManager.newBaseManager()) {
            SiT model = TinySiT.fresh(TinySiT.placed(TinySiT.reg(), inModel, 0, 1), manager);

            if (inModel == drawn) {
                assertThat(objective(model, sampler(drawn), manager).parameters())
                        .isNotEmpty();
            } else {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> objective(model, sampler(drawn), manager))
                        .withMessage("the model and its subsets must have the same placement, but the model has "
                                + inModel + " and the subsets are drawn for " + drawn);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void soDoesTheChoiceOfTokensToRead(SubsetPlacement inModel, SubsetPlacement drawn) {
        SiTConfig model = TinySiT.placed(TinySiT.reg(), inModel, 0, 1);

        if (inModel == drawn) {
            assertThat(new KeptTokens(model, sampler(drawn), N).model()).isEqualTo(model);
        } else {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new KeptTokens(model, sampler(drawn), N))
                    .withMessageContaining("the model has " + inModel + " and the subsets are drawn for " + drawn);
        }
    }

    @Test
    void theRouteIsTheSameToo() {
        SiTConfig model = TinySiT.reg().withPlacement(SubsetPlacement.ROUTE, 0, 1);
        SubsetConfig route = SubsetConfig.defaults().withPlacement(SubsetPlacement.ROUTE);

        assertThat(new KeptTokens(model, new TokenSubsetSampler(route.withRoute(0, -2), DRAWS, STEPS), N).globalBatch())
                .isEqualTo(N); // -2 of three blocks is block 1
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new KeptTokens(model, new TokenSubsetSampler(route.withRoute(1, 1), DRAWS, STEPS), N))
                .withMessage(
                        "the model and its subsets must have the same route, but the model has blocks 0 to 1 and the"
                                + " subsets are drawn for 1 to 1");
    }

    @ParameterizedTest
    @EnumSource(SubsetPlacement.class)
    void theLossTakesKeptPatchesOnlyForAPlacement(SubsetPlacement where) {
        try (NDManager manager = NDManager.newBaseManager()) {
            SiTConfig config = TinySiT.placed(TinySiT.reg(), where, 0, 1);
            SiTLoss loss = new SiTLoss(TinySiT.fresh(config, manager), Interpolant.LINEAR, 0.03, 0.5);
            SiTLossInput in = TinySiT.lossInput(config, manager, TinySiT.keepFive(manager));
            ParameterStore store = new ParameterStore(manager, false);

            if (where == SubsetPlacement.NONE) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> loss.compute(store, in))
                        .withMessage(
                                "kept patches were given but this model's placement is NONE: it would run on all of"
                                        + " them");
            } else {
                assertThat(loss.compute(store, in).total().getFloat()).isFinite();
            }
        }
    }

    private static TokenSubsetSampler sampler(SubsetPlacement where) {
        SubsetConfig subsets =
                SubsetConfig.defaults().withSparse(1, 0.1).withPlacement(where).withRoute(0, 1);
        return new TokenSubsetSampler(subsets, DRAWS, STEPS);
    }

    private static SiTObjective objective(SiT model, TokenSubsetSampler subsets, NDManager manager) {
        return new SiTObjective(
                new SiTLoss(model, Interpolant.LINEAR, 0.03, 0.5),
                DiffusionConfig.defaults(),
                new Zeros(),
                null,
                subsets);
    }

    /** Latents and tokens of the right sizes. */
    private static final class Zeros implements TrainingData {
        @Override
        public long size() {
            return CLASSES;
        }

        @Override
        public int tokenWidth() {
            return ENCODER;
        }

        @Override
        public TrainingBatch batch(NDManager manager, long first, int count) {
            return new TrainingBatch(
                    manager.zeros(new Shape(count, 3, 6, 6)),
                    TinySiT.labels(manager, new long[count]),
                    null,
                    manager.zeros(new Shape(count, 1 + T, ENCODER)));
        }
    }
}
