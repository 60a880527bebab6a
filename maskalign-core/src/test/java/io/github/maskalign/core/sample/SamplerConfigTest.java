package io.github.maskalign.core.sample;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.SamplerConfig.DiffusionScale;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import org.junit.jupiter.api.Test;

class SamplerConfigTest {
    private static final SamplerConfig DEFAULTS = SamplerConfig.defaults();

    @Test
    void defaultsAreThoseOfTheConvergenceTables() {
        assertThat(DEFAULTS)
                .isEqualTo(new SamplerConfig(
                        SamplerMethod.EULER_MARUYAMA, 250, new Guidance(1, 1, 0, 1), 0.04, DiffusionScale.TWO_T, 0));
    }

    @Test
    void guidanceIsTakenOverAsItIs() {
        Guidance guidance = new Guidance(2.3, 2.2, 0.1, 0.85, 3);

        SamplerConfig changed = DEFAULTS.withGuidance(guidance)
                .withMethod(SamplerMethod.HEUN, 9)
                .withDiffusion(0.1, DiffusionScale.SIGMA);

        assertThat(changed.guidance()).isEqualTo(guidance);
        assertThat(changed).isEqualTo(new SamplerConfig(SamplerMethod.HEUN, 9, guidance, 0.1, DiffusionScale.SIGMA, 0));
        assertThat(DEFAULTS.guidance().legacyGuidedChannels()).isZero();
    }

    @Test
    void aSamplerRefusesToGuideMoreChannelsThanThereAre() {
        Sampler sampler = new Sampler(DEFAULTS.withGuidance(new Guidance(2, 1, 0, 1, 5)), Interpolant.LINEAR);
        SampleRequest request = new SampleRequest(0, new long[1], new Shape(4, 2, 2), 0);
        NoiseSource noise = NoiseSource.of(new Draws(1));
        try (NDManager manager = NDManager.newBaseManager()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> sampler.sample(manager, new WavyVelocityField(1, 9), request, noise))
                    .withMessageContaining("legacyGuidedChannels must be at most 4");
        }
    }

    @Test
    void noiseStrengthIsTwiceTheTimeOrSigma() {
        assertThat(DiffusionScale.TWO_T.at(0.3, Interpolant.COSINE)).isEqualTo(0.6);
        assertThat(DiffusionScale.SIGMA.at(0.3, Interpolant.LINEAR)).isEqualTo(0.3);
        assertThat(DiffusionScale.SIGMA.at(0.3, Interpolant.COSINE)).isEqualTo(Math.sin(0.15 * Math.PI));
    }

    @Test
    void numbersOutsideTheirRangesAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withMethod(SamplerMethod.EULER, 0))
                .withMessage("steps must be in [1, 1048576] but was 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DEFAULTS.withDiffusion(1, DiffusionScale.SIGMA))
                .withMessage("lastStep must be in (0, 1) but was 1.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Guidance(0.9, 1, 0, 1))
                .withMessageContaining("cfgScale");
    }

    @Test
    void requestsNameWhatIsWrong() {
        Shape latent = new Shape(4, 2, 2);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SampleRequest(0, new long[0], latent, 0))
                .withMessageContaining("labels was empty");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SampleRequest(0, new long[] {3, -1}, latent, 0))
                .withMessage("labels must be at least 0 but one was -1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SampleRequest(0, new long[1], new Shape(2, 2), 0))
                .withMessage("latentShape must be (C, H, W) but was (2, 2)");
        assertThatIllegalArgumentException().isThrownBy(() -> new SampleRequest(-1, new long[1], latent, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> new SampleRequest(0, new long[1], latent, -1));
    }

    @Test
    void stateHasAClassTokenOnlyWithAWidth() {
        assertThat(new SampleRequest(0, new long[3], new Shape(4, 2, 2), 0).stateShapes())
                .containsExactly(new Shape(3, 4, 2, 2));
        assertThat(new SampleRequest(0, new long[3], new Shape(4, 2, 2), 7).stateShapes())
                .containsExactly(new Shape(3, 4, 2, 2), new Shape(3, 7));
    }

    /** Folders of pictures and scores of earlier releases are known by this text. */
    @Test
    void theTextIsThatOfEarlierReleasesUnlessFeaturesAreGuided() {
        String earlier =
                "SamplerConfig[method=EULER_MARUYAMA, steps=250, cfgScale=1.0, classCfgScale=1.0, intervalLow=0.0,"
                        + " intervalHigh=1.0, lastStep=0.04, diffusion=TWO_T, legacyGuidedChannels=0, unconditional=NULL_LABEL,"
                        + " routes=Routes[routeRatio=0.3, weakRouteRatio=0.7]";

        assertThat(DEFAULTS).hasToString(earlier + "]");
        assertThat(DEFAULTS.withGuidance(DEFAULTS.guidance().withFeatureCfgScale(1.5)))
                .hasToString(earlier + ", featureCfgScale=1.5]");
        assertThat(DEFAULTS.withGuidance(DEFAULTS.guidance().withCfgPower(4)).withEta(0.5))
                .hasToString(earlier + ", cfgPower=4.0, eta=0.5]");
    }
}
