package io.github.maskalign.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.config.ConfigKey.Order;
import java.util.List;
import org.junit.jupiter.api.Test;

class InlineTest {
    record Route(int routeStart, @Default("-4") int routeEnd) {
        Route {
            if (routeEnd >= 0 && routeEnd < routeStart) {
                throw new IllegalArgumentException("routeEnd must not be before routeStart but was " + routeEnd);
            }
        }
    }

    record Drawing(@Inline Route route, String order) {}

    record Subset(double ratio, @Inline Drawing drawing, boolean on) {}

    record Run(Subset subset) {}

    record Twice(int routeEnd, @Inline Route route) {}

    @Order({"routeStart", "size", "routeEnd"})
    record Apart(int size, @Inline Route route) {}

    @Order({"routeStart", "routeEnd"})
    record Forgetful(int size, @Inline Route route) {}

    private static final String YAML = """
            subset:
              ratio: 0.25
              routeStart: 2
              routeEnd: 5
              order: sorted
              "on": true
            """;

    @Test
    void keysOfInlinedRecordsStandAmongTheOthers() {
        Run run = ConfigBinder.bindText(YAML, "x.yaml", List.of("subset.routeEnd=7"), Run.class)
                .value();

        assertThat(run).isEqualTo(new Run(new Subset(0.25, new Drawing(new Route(2, 7), "sorted"), true)));
        assertThat(ConfigWriter.yaml(run)).isEqualTo(YAML.replace("routeEnd: 5", "routeEnd: 7"));
    }

    @Test
    void defaultsHoldInside() {
        Run run = ConfigBinder.bindText(YAML.replace("  routeEnd: 5\n", ""), "x.yaml", List.of(), Run.class)
                .value();

        assertThat(run.subset().drawing().route().routeEnd()).isEqualTo(-4);
    }

    @Test
    void mistakesAreNamedByTheKeyInTheFile() {
        assertThatThrownBy(() -> ConfigBinder.bindText(
                        YAML.replace("routeEnd: 5", "routeEnd: 1"), "x.yaml", List.of(), Run.class))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("x.yaml:4:")
                .hasMessageContaining("subset.routeEnd must not be before routeStart but was 1");
        assertThatThrownBy(() ->
                        ConfigBinder.bindText(YAML.replace("routeEnd", "routEnd"), "x.yaml", List.of(), Run.class))
                .hasMessageContaining("did you mean subset.routeEnd?")
                .hasMessageContaining("are ratio, routeStart, routeEnd, order, on");
    }

    @Test
    void keyThatIsThereTwiceIsTheAuthorsMistake() {
        assertThatThrownBy(() -> ConfigWriter.yaml(new Twice(1, new Route(0, 1))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the keys of Twice must be unique but two are routeEnd");
    }

    @Test
    void keysOfAnInlinedRecordMayStandApart() {
        String apart = "routeStart: 2\nsize: 9\nrouteEnd: 5\n";

        Apart bound =
                ConfigBinder.bindText(apart, "x.yaml", List.of(), Apart.class).value();

        assertThat(bound).isEqualTo(new Apart(9, new Route(2, 5)));
        assertThat(ConfigWriter.yaml(bound)).isEqualTo(apart);
        assertThatThrownBy(() -> ConfigWriter.yaml(new Forgetful(1, new Route(0, 1))))
                .hasMessage("@Order of Forgetful must name its keys, [size, routeStart, routeEnd], but names"
                        + " [routeStart, routeEnd]");
    }
}
