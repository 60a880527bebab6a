package io.github.maskalign.core.sample;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import org.junit.jupiter.api.Test;

class GuidanceTest {
    @Test
    void bothEndsOfTheIntervalAreGuided() {
        Guidance guidance = new Guidance(1.8, 1, 0.2, 0.7);

        assertThat(guidance.activeAt(0.2)).isTrue();
        assertThat(guidance.activeAt(0.7)).isTrue();
        assertThat(guidance.activeAt(Math.nextDown(0.2))).isFalse();
        assertThat(guidance.activeAt(Math.nextUp(0.7))).isFalse();
    }

    @Test
    void scaleOneIsOffWhateverTheClassTokenSays() {
        assertThat(new Guidance(1, 5, 0, 1).activeAt(0.5)).isFalse();
        assertThat(Guidance.none().activeAt(0.5)).isFalse();
    }

    @Test
    void latentAndClassTokenHaveTheirOwnScales() {
        try (NDManager manager = NDManager.newBaseManager()) {
            // conditional half first
            NDList doubled = new NDList(
                    manager.create(new double[] {1, 2, 0, 4}, new Shape(2, 2, 1, 1)),
                    manager.create(new double[] {5, 1}, new Shape(2, 1)));

            NDList mixed = new Guidance(3, 2, 0, 1).mix(doubled, 0, 0.5);
            NDList unguidedClass = new Guidance(3, 0, 0, 1).mix(doubled, 0, 0.5);

            assertThat(mixed.get(0).getShape()).isEqualTo(new Shape(1, 2, 1, 1));
            assertThat(mixed.get(0).toDoubleArray()).containsExactly(3, -2);
            assertThat(mixed.get(1).toDoubleArray()).containsExactly(9);
            assertThat(unguidedClass.get(0).toDoubleArray()).containsExactly(3, -2);
            assertThat(unguidedClass.get(1).toDoubleArray()).containsExactly(5);
        }
    }

    @Test
    void channelsBeyondTheGuidedOnesKeepTheConditionalVelocity() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDList doubled = new NDList(
                    manager.create(new double[] {1, 2, 3, 0, 4, 5}, new Shape(2, 3, 1, 1)),
                    manager.create(new double[] {5, 1}, new Shape(2, 1)));
            Guidance all = new Guidance(3, 2, 0, 1);

            NDList two = all.withLegacyGuidedChannels(2).mix(doubled, 0, 0.5);

            assertThat(two.get(0).getShape()).isEqualTo(new Shape(1, 3, 1, 1));
            assertThat(two.get(0).toDoubleArray()).containsExactly(3, -2, 3);
            assertThat(two.get(1).toDoubleArray()).containsExactly(9); // the class token is no channel
            for (int every : new int[] {0, 3}) {
                assertThat(all.withLegacyGuidedChannels(every)
                                .mix(doubled, 0, 0.5)
                                .get(0)
                                .toDoubleArray())
                        .containsExactly(3, -2, -1);
            }
        }
    }

    @Test
    void guidedChannelsMustExist() {
        Guidance five = new Guidance(2, 1, 0, 1, 5);

        five.requireChannels(5);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> five.requireChannels(4))
                .withMessage("legacyGuidedChannels must be at most 4, the channels of the model's latents, or 0 for all"
                        + " of them, but was 5");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Guidance(2, 1, 0, 1, -1))
                .withMessage("legacyGuidedChannels must be at least 0, which guides all channels, but was -1");
    }

    @Test
    void numbersOutsideTheirRangesAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Guidance(0.5, 1, 0, 1))
                .withMessage("cfgScale must be at least 1, which switches guidance off, but was 0.5");
        assertThatIllegalArgumentException().isThrownBy(() -> new Guidance(Double.NaN, 1, 0, 1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Guidance(2, Double.POSITIVE_INFINITY, 0, 1))
                .withMessage("classCfgScale must be finite but was Infinity");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Guidance(2, 1, 0.7, 0.2))
                .withMessage("the guidance interval must satisfy 0 <= low <= high <= 1 but was [0.7, 0.2]");
    }

    @Test
    void featuresHaveAScaleOfTheirOwn() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDList doubled = new NDList(manager.create(new double[] {1, 2, 3, 0, 1, 1}, new Shape(2, 3, 1, 1)));

            assertThat(new Guidance(3, 0, 0, 1).mix(doubled, 1, 0.5).get(0).toDoubleArray())
                    .containsExactly(3, 4, 3); // the conditional velocity of the feature
            assertThat(new Guidance(3, 0, 0, 1)
                            .withFeatureCfgScale(2)
                            .mix(doubled, 1, 0.5)
                            .get(0)
                            .toDoubleArray())
                    .containsExactly(3, 4, 5);
            assertThat(new Guidance(3, 0, 0, 1)
                            .withFeatureCfgScale(2)
                            .withUnconditional(Guidance.Unconditional.NO_FEATURES)
                            .mix(doubled, 1, 0.5)
                            .get(0)
                            .toDoubleArray())
                    .containsExactly(3, 4, 3); // nothing is learnt of them
            assertThat(new Guidance(3, 0, 0, 1, 1)
                            .withFeatureCfgScale(2)
                            .mix(doubled, 1, 0.5)
                            .get(0)
                            .toDoubleArray())
                    .containsExactly(3, 2, 5); // the first channel of the latent
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Guidance.none().withFeatureCfgScale(Double.NaN))
                .withMessage("featureCfgScale must be finite but was NaN");
    }

    @Test
    void aScaleMayGrowTowardsData() {
        Guidance growing = new Guidance(3.8, 0, 0, 1).withCfgPower(4);

        assertThat(growing.scaleAt(3.8, 1)).isEqualTo(1);
        assertThat(growing.scaleAt(3.8, 0)).isEqualTo(3.8);
        // 1 + 2.8 (1 - cos(pi 0.7^4)) / 2, by hand
        assertThat(growing.scaleAt(3.8, 0.3)).isCloseTo(1.37975, within(1e-5));
        assertThat(growing.scaleAt(0, 0.3)).isZero(); // takes the conditional velocity at all times
        assertThat(new Guidance(3.8, 0, 0, 1).scaleAt(3.8, 0.3)).isEqualTo(3.8);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> growing.withCfgPower(-1))
                .withMessageContaining("cfgPower must be at least 0");
    }
}
