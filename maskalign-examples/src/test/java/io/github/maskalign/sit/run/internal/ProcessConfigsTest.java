package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigException;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.sit.run.RunConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Runs on DDPM's chain and runs of a range of times, as configs say them. */
class ProcessConfigsTest {
    @Test
    void ditIsDdpmInModelSamplerAndIdentity() {
        RunConfig dit = bind("imagenet-sit-xl-2", "method=dit");

        assertThat(dit.diffusion().process()).isEqualTo(Process.DDPM);
        assertThat(dit.sample().method()).isEqualTo(SamplerMethod.DDPM);
        assertThat(dit.sample().steps()).isEqualTo(250);
        assertThat(RunPlan.model(dit).outChannels()).isEqualTo(8);
        assertThat(RunPlan.settings(dit))
                .containsEntry("diffusion.process", "DDPM")
                .doesNotContainKey("diffusion.tRange");
        assertThat(RunPlan.pixels(dit)).isEqualTo(PixelScaling.ROUND);
    }

    @Test
    void repaOnDitIsAMatterOfTwoKeys() {
        RunConfig both = bind("imagenet-sit-b-2", "method=repa", "diffusion.process=DDPM", "sample.method=DDIM");

        assertThat(RunPlan.model(both).process()).isEqualTo(Process.DDPM);
        assertThat(RunPlan.model(both).encoderWidths()).containsExactly(768);
    }

    @Test
    void runsOfEarlierReleasesKeepTheirIdentity() {
        assertThat(RunPlan.settings(bind("imagenet-sit-b-2", "method=sit")))
                .doesNotContainKeys("diffusion.process", "diffusion.tRange");
    }

    @Test
    void ediffiDrawsItsHalfAlone() {
        RunConfig high = bind("imagenet-sit-b-2", "method=ediffi");

        assertThat(high.diffusion().tRange()).containsExactly(0.5, 1.0);
        assertThat(RunPlan.settings(high)).containsEntry("diffusion.tRange", "[0.5, 1.0]");
        assertThat(bind("imagenet-sit-b-2", "method=ediffi", "diffusion.tRange=[0.0,0.5]")
                        .diffusion()
                        .tRange())
                .containsExactly(0.0, 0.5);
    }

    @Test
    void scoresWhileADitTrainsAreOfDdimUnlessAnotherWayBackIsNamed() {
        RunConfig dit =
                bind("emoji-32", "method=dit", "evaluate.every=10", "evaluate.steps=25", "evaluate.method=EULER");
        SamplerConfig how = dit.evaluate().sampling(dit.sample());
        assertThat(how.method()).isEqualTo(SamplerMethod.DDIM);
        assertThat(how.steps()).isEqualTo(25);
        RunConfig ddpm = bind("emoji-32", "method=dit", "evaluate.every=10", "evaluate.method=DDPM");
        assertThat(ddpm.evaluate().sampling(ddpm.sample()).method()).isEqualTo(SamplerMethod.DDPM);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "repa | diffusion.process=DDPM | sample.method must be DDPM or DDIM for a network of diffusion.process DDPM",
                "dit | sample.method=HEUN | but was HEUN",
                "sit | sample.method=DDPM | sample.method must be EULER, HEUN or EULER_MARUYAMA",
                "dit | diffusion.path=COSINE | path must be left LINEAR",
                "dit | diffusion.timesteps=LOGNORMAL | timesteps UNIFORM",
                "dit | sample.method=DDIM sample.steps=60 | such as 59 or 63",
                "dit | evaluate.every=10 evaluate.method=HEUN | evaluate.method must be DDPM or DDIM",
                "sit | diffusion.tRange=[0.5] | tRange must be two rising numbers",
                "sprint | diffusion.tRange=[0.0,0.5] | tRange goes with timesteps UNIFORM",
                "sit | sample.eta=2 | eta"
            })
    void whatDoesNotGoTogetherIsSaid(String method, String settings, String message) {
        List<String> all = new ArrayList<>(List.of("method=" + method));
        all.addAll(List.of(settings.split(" ")));

        assertThatThrownBy(() -> bind("emoji-32", all.toArray(new String[0])))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }

    @Test
    void aClassTokenHasNoPlaceOnTheChain() {
        RunConfig reg = bind("emoji-32", "method=reg", "diffusion.process=DDPM", "sample.method=DDPM");

        assertThatThrownBy(() -> RunPlan.model(reg))
                .hasMessageContaining("cls.enabled must be false with diffusion.process DDPM");
    }

    private static RunConfig bind(String config, String... overrides) {
        return ConfigBinder.bind(Path.of("..", "configs", config + ".yaml"), List.of(overrides), RunConfig.class)
                .value();
    }
}
