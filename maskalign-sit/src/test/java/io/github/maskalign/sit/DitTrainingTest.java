package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.LossSchedule;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.sit.LossTerms.LayerSync;
import io.github.maskalign.sit.LossTerms.Mae;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Training on DDPM's chain, alone and with what other methods add. */
class DitTrainingTest {
    private static final SiTConfig DIT = TinySiT.plain().withProcess(Process.DDPM);
    private static final SiTConfig ALIGNED = DIT.withAlignment(2, 20, List.of(TinySiT.ENCODER));

    @Test
    void ditWithAlignmentLearns() throws IOException {
        List<Map<String, Double>> parts = new ArrayList<>();
        SiTConfig model = ALIGNED.withMixer(MixerConfig.PAPER)
                .withPlacement(SubsetPlacement.DROP, 0, 0)
                .withTerms(terms(Optional.of(new LayerSync(0.2, 1, 3, LossSchedule.ALWAYS)), Optional.empty()));
        try (SiTTraining training = SiTTraining.builder()
                .setModel(model)
                .setData((draws, kept) -> pictures(draws))
                .optDiffusion(DiffusionConfig.ddpm())
                .setSteps(60)
                .setBatch(8)
                .optEncoder(new Ones())
                .optOptim(OptimConfig.PAPER.withLr(3e-3))
                .optListener(new TrainListener() {
                    @Override
                    public void onStep(StepResult result, TrainState state) {
                        parts.add(result.parts());
                    }
                })
                .build()) {
            assertThat(training.run()).isEqualTo(StopReason.COMPLETED);
        }

        assertThat(parts).allSatisfy(step -> assertThat(step).containsOnlyKeys("noise", "vlb", "align", "layerSync"));
        assertThat(mean(parts.subList(50, 60), "noise"))
                .isLessThan(0.8 * mean(parts.subList(0, 3), "noise")); // a fresh model predicts 0: 1
        assertThat(mean(parts.subList(50, 60), "align")).isLessThan(-0.5);
    }

    private static double mean(List<Map<String, Double>> parts, String name) {
        return parts.stream().mapToDouble(step -> step.get(name)).average().orElseThrow();
    }

    @ParameterizedTest
    @EnumSource(
            value = SubsetPlacement.class,
            mode = EnumSource.Mode.EXCLUDE,
            names = "MASKED_PASS") // has no alignment
    void everyPlacementHasALossAndGradientsThatReachTheVariance(SubsetPlacement where) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            SiTConfig config = TinySiT.placed(ALIGNED, where, 0, 1);
            SiT model = TinySiT.moved(config, manager);
            NDArray keep = where == SubsetPlacement.NONE
                    ? null
                    : manager.create(new long[] {0, 2, 5, 7, 1, 3, 4, 8, 0, 1, 2, 6}, new Shape(3, 4));

            SiTLoss.SiTLosses losses = new SiTLoss(model, Interpolant.LINEAR)
                    .compute(new ParameterStore(manager, false), TinySiT.lossInput(config, manager, keep));

            assertThat(losses.parts()).containsOnlyKeys("noise", "vlb", "align");
            assertThat(losses.total().getFloat()).isFinite();
            double sum = losses.parts().get("noise").getFloat()
                    + losses.parts().get("vlb").getFloat();
            assertThat(losses.velocity().getFloat()).isEqualTo((float) sum);
            assertThat(model.getOutputShapes(new Shape[] {new Shape(3, 3, 6, 6), new Shape(3), new Shape(3)})[0])
                    .isEqualTo(new Shape(3, 6, 6, 6));
        }
    }

    @Test
    void aFreshModelHasTheLossOfNoNoiseAtAll() {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode inference = GradMode.off()) {
            SiTLoss.SiTLossInput in = TinySiT.lossInput(DIT, manager, null);
            SiTLoss.SiTLosses losses = new SiTLoss(TinySiT.fresh(DIT, manager), Interpolant.LINEAR)
                    .compute(new ParameterStore(manager, false), in);

            assertThat(losses.parts().get("noise").getFloat())
                    .isEqualTo(in.noise()
                            .square()
                            .flatten(1, -1)
                            .mean(new int[] {1})
                            .mean()
                            .getFloat());
        }
    }

    @Test
    void whatSpeaksOfVelocitiesIsRefused() {
        assertThatThrownBy(() -> TinySiT.reg().withProcess(Process.DDPM))
                .hasMessageContaining("cls.enabled must be false");
        assertThatThrownBy(() -> DIT.withClassToken(3)).hasMessageContaining("cls.enabled must be false");
        assertThatThrownBy(() -> DIT.withOptions(4, 0.1, false, false)).hasMessageContaining("learnSigma must be true");
        assertThatThrownBy(() -> TinySiT.maskDiT(DIT)
                        .withTerms(terms(Optional.empty(), Optional.of(new Mae(0.1, LossSchedule.ALWAYS)))))
                .hasMessageContaining("terms.mae paints in by the predicted velocity");
        assertThatThrownBy(() -> SiTTraining.builder()
                        .setModel(DIT)
                        .setData(pictures(new Draws(0)))
                        .setSteps(1)
                        .setBatch(1)
                        .build())
                .hasMessageContaining("model and diffusion must have the same process but have DDPM and FLOW");
        assertThat(DIT.withProcess(Process.FLOW)).isEqualTo(TinySiT.plain());
    }

    private static LossTerms terms(Optional<LayerSync> sync, Optional<Mae> mae) {
        LossTerms none = LossTerms.NONE;
        return new LossTerms(
                sync, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), mae, none.autoStop());
    }

    private static ImageTensorData pictures(Draws draws) {
        SplittableRandom random = new SplittableRandom(7);
        byte[][] pixels = new byte[16][3 * 6 * 6];
        int[] labels = new int[16];
        for (int i = 0; i < 16; i++) {
            Arrays.fill(pixels[i], (byte) random.nextInt(256));
            labels[i] = i % TinySiT.CLASSES;
        }
        return new ImageTensorData(pixels, labels, new Shape(3, 6, 6), draws);
    }

    /** Tokens that say nothing but are there. */
    private static final class Ones implements RepresentationEncoder {
        @Override
        public EncoderTokens encode(NDArray images) {
            long n = images.getShape().get(0);
            NDManager manager = images.getManager();
            return new EncoderTokens(
                    manager.ones(new Shape(n, width())), manager.ones(new Shape(n, TinySiT.T, width())));
        }

        @Override
        public int width() {
            return TinySiT.ENCODER;
        }

        @Override
        public int tokens(int imageSize) {
            return TinySiT.T;
        }

        @Override
        public void close() {}
    }
}
