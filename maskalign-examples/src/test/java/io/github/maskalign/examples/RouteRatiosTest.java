package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.sample.Guidance.Routes;
import io.github.maskalign.core.sample.Guidance.Unconditional;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTVariant;
import io.github.maskalign.sit.run.RunConfig;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** TREAD's guidance, by option and by config. */
class RouteRatiosTest {
    private static final SiTConfig PLAIN = SiTVariant.B_2.config();
    private static final SiTConfig ROUTED = PLAIN.withPlacement(SubsetPlacement.ROUTE, 2, 8);
    private static final Path CONFIG = Path.of("..", "configs", "imagenet-sit-b-2.yaml");

    @Test
    void optionGuidesBetweenTwoRatios() {
        SamplerConfig own = SamplerConfig.defaults();

        SamplerConfig chosen = options("--cfg=2", "--route-ratios=0.2,0.6").over(own, ROUTED);

        assertThat(chosen.guidance().unconditional()).isEqualTo(Unconditional.ROUTE_RATIO);
        assertThat(chosen.guidance().routes()).isEqualTo(new Routes(0.2, 0.6));
        assertThat(options("--cfg=2").over(own, ROUTED).guidance().unconditional())
                .isEqualTo(Unconditional.NULL_LABEL);
        assertThat(options("--steps=7").over(chosen, ROUTED).guidance().routes())
                .isEqualTo(new Routes(0.2, 0.6));
        assertThat(options("--steps=7").over(chosen, ROUTED).guidance().unconditional())
                .isEqualTo(Unconditional.ROUTE_RATIO);
    }

    @Test
    void guidanceGrowsAsAskedOrAsItDid() {
        SamplerConfig own = SamplerConfig.defaults();

        SamplerConfig chosen = options("--cfg=3.8", "--cfg-power=4").over(own, PLAIN);

        assertThat(chosen.guidance().cfgPower()).isEqualTo(4);
        assertThat(options("--cfg=2").over(chosen, PLAIN).guidance().cfgPower()).isEqualTo(4);
        assertThat(options("--cfg=2").over(own, PLAIN).guidance().cfgPower()).isZero();
        assertThatThrownBy(() -> options("--cfg-power=4").over(own, PLAIN))
                .hasMessageContaining("--cfg must be above 1 but was 1");
    }

    @Test
    void optionThatWouldDoNothingIsRefused() {
        SamplerConfig own = SamplerConfig.defaults();

        assertThatThrownBy(() -> options("--cfg=2", "--route-ratios=0.3,0.7").over(own, PLAIN))
                .hasMessageContaining("--route-ratios goes with a model that was trained with subset.placement ROUTE");
        assertThatThrownBy(() -> options("--route-ratios=0.3,0.7").over(own, ROUTED))
                .hasMessageContaining("--cfg must be above 1 but was 1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0.3", "0.7,0.3", "0.3,1", "-0.1,0.5", "a,b", "0.1,0.2,0.3"})
    void ratiosThatAreNoneAreRefused(String text) {
        assertThatThrownBy(() -> options("--route-ratios=" + text))
                .isInstanceOf(ParameterException.class)
                .hasMessageContaining("--route-ratios");
    }

    @Test
    void configGuidesARoutedModelAlone() {
        List<String> guided = List.of("method=sit", "sample.unconditional=ROUTE_RATIO", "sample.weakRouteRatio=0.5");
        List<String> routed = List.of(
                "method=sit",
                "sample.unconditional=ROUTE_RATIO",
                "sample.weakRouteRatio=0.5",
                "subset.placement=ROUTE");

        RunConfig run = ConfigBinder.bind(CONFIG, routed, RunConfig.class).value();

        assertThat(run.sample().guidance().routes()).isEqualTo(new Routes(0.3, 0.5));
        SamplerConfig evaluated = run.evaluate().sampling(run.sample());
        assertThat(evaluated.guidance().unconditional()).isEqualTo(Unconditional.ROUTE_RATIO);
        assertThat(evaluated.guidance().routes()).isEqualTo(new Routes(0.3, 0.5));
        assertThatThrownBy(() -> ConfigBinder.bind(CONFIG, guided, RunConfig.class))
                .hasMessageContaining("sample.unconditional must be NULL_LABEL with subset.placement NONE");
        assertThatThrownBy(() -> ConfigBinder.bind(
                        CONFIG,
                        List.of("method=sit", "subset.placement=ROUTE", "sample.weakRouteRatio=0.2"),
                        RunConfig.class))
                .hasMessageContaining("0 <= routeRatio < weakRouteRatio < 1 must hold, but they were 0.3 and 0.2");
    }

    private static SamplerOptions options(String... words) {
        return CommandLine.populateCommand(new SamplerOptions(), words);
    }
}
