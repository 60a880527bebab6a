package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.Gson;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.Order;
import io.github.maskalign.core.align.SubsetConfig.Rounding;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.train.LossSchedule;
import io.github.maskalign.sit.LossTerms;
import io.github.maskalign.sit.LossTerms.SelfAlign;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.RunConfig;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/** The presets sra and tread over configs of other methods: what they come to, for every size. */
class SelfTaughtPresetsTest {
    @ParameterizedTest
    @CsvSource({
        "emoji-32-repa, 4, 1, 3",
        "imagenet-sit-b-2-maskalign, 12, 4, 8",
        "imagenet-sit-l-2-reg, 24, 7, 17",
        "imagenet-sit-xl-2-sit, 28, 8, 20"
    })
    void sraTeachesABlockByALaterOne(String base, int depth, int block, int teacher) throws IOException {
        SiTConfig model = model(base, "sra", depth);

        assertThat(model.terms().selfAlign())
                .contains(new SelfAlign(0.5, block, teacher, 0.2, false, LossSchedule.ALWAYS));
        assertThat(model.needsEncoder()).isFalse();
        assertThat(model.mixer().layers()).isZero();
        assertThat(model.subset().placement()).isEqualTo(SubsetPlacement.NONE);
    }

    @ParameterizedTest
    @CsvSource({
        "emoji-32-repa, 4, 1, 2",
        "imagenet-sit-b-2-maskalign, 12, 2, 8",
        "imagenet-sit-l-2-reg, 24, 2, 20",
        "imagenet-sit-xl-2-sit, 28, 2, 24"
    })
    void treadRoutesHalfOfTheTokens(String base, int depth, int start, int end) throws IOException {
        SiTConfig model = model(base, "tread", depth);

        SubsetConfig subset = model.subset();
        assertThat(subset.placement()).isEqualTo(SubsetPlacement.ROUTE);
        assertThat(model.route()).isEqualTo(new SubsetConfig.Route(start, end, true));
        assertThat(subset.dropping().ratio()).isEqualTo(0.5);
        assertThat(subset.drawing().rounding()).isEqualTo(Rounding.TREAD);
        assertThat(subset.drawing().order()).isEqualTo(Order.SHUFFLED);
        assertThat(model.terms()).isEqualTo(LossTerms.NONE);
        assertThat(model.needsEncoder()).isFalse();
    }

    @ParameterizedTest
    @CsvSource({"sra, 6", "sra, 8", "tread, 6", "tread, 8"})
    void otherSmallSizesFit(String method, int depth) throws IOException {
        assertThat(model("emoji-32-sit", method, depth).model().depth()).isEqualTo(depth);
    }

    private static SiTConfig model(String base, String method, int depth) throws IOException {
        Map<?, ?> preset;
        try (InputStream in = RunConfig.class.getResourceAsStream("methods/" + method + ".yaml")) {
            preset = (Map<?, ?>) new Load(LoadSettings.builder().build()).loadFromInputStream(in);
        }
        List<String> changes = new ArrayList<>(List.of("model.depth=" + depth));
        Map<?, ?> size = (Map<?, ?>) ((Map<?, ?>) preset.get("sizes")).get(depth);
        ((Map<?, ?>) preset.get("settings")).forEach((section, keys) -> {
            if (section.equals("terms")) {
                Map<Object, Object> term = new HashMap<>((Map<?, ?>) ((Map<?, ?>) keys).get("selfAlign"));
                term.putAll((Map<?, ?>) ((Map<?, ?>) size.get("terms")).get("selfAlign"));
                changes.add("terms.selfAlign=" + new Gson().toJson(term));
            } else {
                add(changes, section, (Map<?, ?>) keys);
            }
        });
        if (size.containsKey("subset")) {
            add(changes, "subset", (Map<?, ?>) size.get("subset"));
        }
        if (base.startsWith("imagenet")) {
            changes.remove(0);
        }
        RunConfig run = ConfigBinder.bind(Path.of("..", "configs", base + ".yaml"), changes, RunConfig.class)
                .value();
        assertThat(RunPlan.model(run).model().depth()).isEqualTo(depth);
        return RunPlan.model(run);
    }

    private static void add(List<String> changes, Object section, Map<?, ?> keys) {
        keys.forEach((key, value) -> changes.add(section + "." + key + "=" + value));
    }
}
