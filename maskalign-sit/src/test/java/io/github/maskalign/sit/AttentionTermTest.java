package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.AutoStop;
import io.github.maskalign.core.train.LossSchedule;
import io.github.maskalign.core.train.LossSchedule.Course;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLossInput.Context;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** HASTE's attention term in training: what it asks of an encoder, when it ends, and what it does not go with. */
class AttentionTermTest {
    private static final int Z = TinySiT.ENCODER;
    private static final LossSchedule STOP = new LossSchedule(Course.UNTIL, 2);

    private final AttendingEncoder encoder = new AttendingEncoder(Z, TinySiT.T, 2);

    @Test
    void attentionIsAskedForUntilTheTermStops() throws IOException {
        List<Set<String>> parts = new ArrayList<>();
        TrainListener look = new TrainListener() {
            @Override
            public void onStep(StepResult result, TrainState state) {
                parts.add(result.parts().keySet());
            }
        };
        SiTConfig model = haste(List.of(1, 2), List.of(4, 5));
        try (SiTTraining training = tiny(model, encoder).optListener(look).build()) {
            training.run();
        }

        assertThat(encoder.asked).containsExactly(List.of(4, 5), List.of(4, 5)); // afterwards no tokens either
        assertThat(parts)
                .containsExactly(
                        Set.of("velocity", "align", "attention"),
                        Set.of("velocity", "align", "attention"),
                        Set.of("velocity"),
                        Set.of("velocity"));
    }

    @Test
    void theModelsAttentionIsComputedUntilTheTermStops() {
        try (NDManager manager = NDManager.newBaseManager()) {
            SiTConfig config = haste(List.of(1, 3), List.of(4, 5));
            SiTLoss loss = new SiTLoss(TinySiT.fresh(config, manager), Interpolant.LINEAR);
            SiTLossInput in = TinySiT.lossInput(config, manager, null);

            assertThat(loss.wanted(in).attention()).containsExactlyInAnyOrder(1, 3);
            assertThat(loss.wanted(in.withContext(new Context(2, Map.of()))).attention())
                    .isEmpty();
        }
    }

    @Test
    void anEncoderWithoutAttentionIsRefusedBeforeTheFirstStep() {
        RepresentationEncoder silent = new AttendingEncoder(Z, TinySiT.T, 2) {
            @Override
            public Optional<AttentionSize> attention() {
                return Optional.empty();
            }
        };

        assertRefused(
                haste(List.of(1), List.of(4)),
                silent,
                "terms.attention needs an encoder that hands out its attention",
                "choose encoder.kind NATIVE");
    }

    @Test
    void moreHeadsThanTheModelsAreRefusedBeforeTheFirstStep() {
        assertRefused(
                haste(List.of(1), List.of(4)),
                new AttendingEncoder(Z, TinySiT.T, 4),
                "each of the encoder's 4",
                "model.numHeads was 3");
    }

    @Test
    void aBlockThatTheEncoderLacksIsRefusedBeforeTheFirstStep() {
        assertRefused(
                haste(List.of(1), List.of(6)),
                encoder,
                "terms.attention.encoderBlocks",
                "from 1 to 5",
                "asked for block 6");
    }

    @Test
    void anotherGridIsRefusedBeforeTheFirstStep() {
        assertRefused(
                haste(List.of(1), List.of(4)), new AttendingEncoder(Z, 4, 2), "4 patch tokens", "the model has 9");
    }

    @Test
    void tokensThatComeWithTheDataAreNotEnough() {
        TrainingData pictures = pictures(new Draws(0));
        TrainingData tokens = new TrainingData() {
            @Override
            public long size() {
                return pictures.size();
            }

            @Override
            public int tokenWidth() {
                return Z;
            }

            @Override
            public TrainingBatch batch(NDManager manager, long first, int count) {
                TrainingBatch batch = pictures.batch(manager, first, count);
                NDArray known = manager.ones(new Shape(count, 1 + TinySiT.T, Z));
                return new TrainingBatch(batch.latents(), batch.labels(), null, known);
            }
        };

        assertThatThrownBy(() -> tiny(haste(List.of(1), List.of(4)), null)
                        .setData(tokens)
                        .build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the data bring its tokens alone")
                .hasMessageContaining("choose encoder.kind NATIVE or EMBEDDED");
    }

    @ParameterizedTest
    @EnumSource(
            value = SubsetPlacement.class,
            names = {"DROP", "DROP_REINSERT"})
    void missingPatchesAreRefused(SubsetPlacement placement) {
        SiTConfig whole = haste(List.of(1), List.of(4));

        assertThatThrownBy(() -> whole.withPlacement(placement, 0, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("subset.placement " + placement)
                .hasMessageContaining("choose subset.placement NONE");
    }

    @Test
    void onlyBlocksOutsideOfTheRouteMayLearn() {
        SiTConfig config = TinySiT.repa().withPlacement(SubsetPlacement.ROUTE, 1, 1); // block 2 sees some patches

        assertThatThrownBy(() -> config.withTerms(terms(List.of(1, 2), List.of(4, 5))))
                .hasMessageContaining("missing in blocks [2]")
                .hasMessageContaining("blocks outside of the route");
        assertThat(config.withTerms(terms(List.of(1, 3), List.of(4, 5))).terms().attention())
                .isPresent();
    }

    @Test
    void routesAndLossOnlyTrainWithTheTerm() throws IOException {
        LossTerms both = terms(List.of(1, 3), List.of(4, 5));
        SiTConfig routed =
                TinySiT.repa().withPlacement(SubsetPlacement.ROUTE, 1, 1).withTerms(both);
        SiTConfig lossOnly =
                TinySiT.repa().withPlacement(SubsetPlacement.LOSS_ONLY, 0, 0).withTerms(both);
        for (SiTConfig config : List.of(routed, lossOnly)) {
            try (SiTTraining training = tiny(config, encoder).build()) {
                training.run();
                assertThat(training.state().skipped()).isZero();
            }
        }
    }

    private void assertRefused(SiTConfig model, RepresentationEncoder given, String... words) {
        assertThatThrownBy(() -> tiny(model, given).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(words);
    }

    private static SiTConfig haste(List<Integer> blocks, List<Integer> encoderBlocks) {
        SiTConfig repa = TinySiT.repa();
        return repa.withAlignment(repa.align().withWeight(STOP)).withTerms(terms(blocks, encoderBlocks));
    }

    private static LossTerms terms(List<Integer> blocks, List<Integer> encoderBlocks) {
        return new LossTerms(
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.of(new LossTerms.Attention(0.5, blocks, encoderBlocks, STOP)),
                Optional.empty(),
                Optional.empty(),
                AutoStop.Rule.USUAL);
    }

    private static SiTTraining.Builder tiny(SiTConfig model, @Nullable RepresentationEncoder given) {
        SiTTraining.Builder builder = SiTTraining.builder()
                .setModel(model)
                .setData((draws, kept) -> pictures(draws))
                .setSteps(4)
                .setBatch(4);
        return given == null ? builder : builder.optEncoder(given);
    }

    private static ImageTensorData pictures(Draws draws) {
        SplittableRandom random = new SplittableRandom(7);
        byte[][] pixels = new byte[8][3 * 6 * 6];
        for (byte[] picture : pixels) {
            random.nextBytes(picture);
        }
        return new ImageTensorData(pixels, new int[8], new Shape(3, 6, 6), draws);
    }
}
