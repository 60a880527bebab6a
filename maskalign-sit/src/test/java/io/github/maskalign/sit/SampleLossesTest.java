package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.train.LossSchedule;
import io.github.maskalign.core.train.LossStages;
import io.github.maskalign.sit.LossTerms.Features;
import io.github.maskalign.sit.SampleLosses.Denoised;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Losses of samples are those of training before their mean. */
class SampleLossesTest {
    private static final int N = 5;

    @Test
    void theirMeanIsTheTrainingLoss() {
        SiTConfig plain = SiTConfig.of(6, 2, 3, 16, 2, 2, 4);
        for (SiTConfig config : List.of(
                plain,
                plain.withFeatures(
                        new Features(4, 0.7, 0.2, LossSchedule.ALWAYS, LossStages.NONE, FeatureSource.LAST_BLOCK)),
                plain.withProcess(Process.DDPM))) {
            try (NDManager manager = NDManager.newBaseManager()) {
                SiTLoss loss = new SiTLoss(model(config, manager), Interpolant.COSINE);
                SampleLosses samples = new SampleLosses(loss, Optional.empty());
                SiTLossInput in = samples.input(input(config, manager));
                assertThat(in.clean().getShape().get(1))
                        .isEqualTo(config.model().inChannels());
                ParameterStore store = new ParameterStore(manager, false);

                SiTLosses expected = loss.compute(store, in);
                Denoised found = samples.of(loss.model().forward(store, loss.noised(in), false), in);

                assertThat(found.total().getShape()).isEqualTo(new Shape(N));
                close(found.total(), expected.total());
                Map<String, NDArray> parts = expected.parts();
                assertThat(found.parts().keySet()).containsExactlyInAnyOrderElementsOf(parts.keySet());
                found.parts().forEach((name, values) -> close(values, parts.get(name)));
            }
        }
    }

    /** The weight of the features must live as long as the graph: what Java frees is overwritten here before it is asked for. */
    @Test
    void theirGradientIsThatOfTheTrainingLossHoweverLateItIsTaken() {
        SiTConfig config =
                SiTConfig.of(6, 2, 3, 16, 2, 2, 4).withFeatures(new Features(4, 0.7, 0.2, LossSchedule.ALWAYS));
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            SiTLoss loss = new SiTLoss(model(config, manager), Interpolant.LINEAR);
            SampleLosses samples = new SampleLosses(loss, Optional.empty());
            SiTLossInput in = samples.input(input(config, manager));
            SiTOutput out = loss.model().forward(new ParameterStore(manager, false), loss.noised(in), false);
            NDList at = new NDList(out.velocity());
            float[] expected = Autograd.gradients(loss.of(out, in).total(), at, manager)
                    .singletonOrThrow()
                    .toFloatArray();

            NDArray total = samples.of(out, in).total();
            for (int i = 0; i < 20; i++) {
                System.gc();
                for (int k = 0; k < 1000; k++) {
                    manager.create(1e6f).close();
                }
            }
            float[] found = Autograd.gradients(total.mean(), at, manager)
                    .singletonOrThrow()
                    .toFloatArray();

            for (int i = 0; i < found.length; i++) { // 1e-6: float32
                assertThat(found[i]).isCloseTo(expected[i], within(1e-6f));
            }
        }
    }

    /** 1e-5: float32 means of 5 samples of a few hundred numbers. */
    private static void close(NDArray samples, NDArray mean) {
        float expected = mean.getFloat();
        assertThat(samples.mean().getFloat()).isCloseTo(expected, within(1e-5f * Math.abs(expected)));
    }

    @Test
    void droppedTokensHaveNone() {
        SiTConfig config = SiTConfig.of(6, 2, 3, 16, 2, 2, 4);
        try (NDManager manager = NDManager.newBaseManager()) {
            SiTLoss loss = new SiTLoss(model(config, manager), Interpolant.LINEAR);
            SiTLossInput in = input(config, manager);
            SiTLossInput kept = new SiTLossInput(
                    in.clean(),
                    in.noise(),
                    in.t(),
                    in.y(),
                    List.of(),
                    null,
                    manager.zeros(new Shape(N, 3)),
                    null,
                    SiTLossInput.Context.FIRST);
            SiTOutput out = loss.model().forward(new ParameterStore(manager, false), loss.noised(in), false);

            assertThatThrownBy(() -> new SampleLosses(loss, Optional.empty()).of(out, kept))
                    .hasMessage("losses of samples are of all tokens, but some were dropped");
        }
    }

    /** Random weights in all layers, or nothing but the target would count. */
    private static SiT model(SiTConfig config, NDManager manager) {
        SiT model = new SiT(config);
        Engine.getInstance().setRandomSeed(3);
        model.initialize(manager);
        try (GradMode editing = GradMode.off()) {
            Weights.of(model)
                    .forEach((key, array) ->
                            array.addi(manager.randomNormal(0, 0.2f, array.getShape(), array.getDataType())));
        }
        return model;
    }

    private static SiTLossInput input(SiTConfig config, NDManager manager) {
        int tokens = config.tokens();
        return new SiTLossInput(
                manager.randomNormal(new Shape(N, config.latentChannels(), 6, 6)),
                manager.randomNormal(new Shape(N, config.model().inChannels(), 6, 6)),
                manager.create(new float[] {0.1f, 0.35f, 0.5f, 0.75f, 0.9f}),
                manager.create(new long[] {0, 1, 2, 3, 0}),
                config.featureChannels() == 0
                        ? List.of()
                        : List.of(manager.randomNormal(new Shape(N, 1L + tokens, config.featureChannels()))),
                null,
                null,
                null,
                SiTLossInput.Context.FIRST);
    }
}
