package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;

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
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The presets sra and tread over configs of other methods: what they come to, for every size. */
class SelfTaughtPresetsTest {
    @ParameterizedTest
    @CsvSource({
        "emoji-32-lab, 4, 1, 3",
        "imagenet-sit-b-2, 12, 4, 8",
        "imagenet-sit-l-2, 24, 7, 17",
        "imagenet-sit-xl-2, 28, 8, 20"
    })
    void sraTeachesABlockByALaterOne(String base, int depth, int block, int teacher) {
        SiTConfig model = model(base, "sra", depth);

        assertThat(model.terms().selfAlign())
                .contains(new SelfAlign(0.5, block, teacher, 0.2, false, LossSchedule.ALWAYS));
        assertThat(model.needsEncoder()).isFalse();
        assertThat(model.mixer().layers()).isZero();
        assertThat(model.subset().placement()).isEqualTo(SubsetPlacement.NONE);
    }

    @ParameterizedTest
    @CsvSource({
        "emoji-32-lab, 4, 1, 2",
        "imagenet-sit-b-2, 12, 2, 8",
        "imagenet-sit-l-2, 24, 2, 20",
        "imagenet-sit-xl-2, 28, 2, 24"
    })
    void treadRoutesHalfOfTheTokens(String base, int depth, int start, int end) {
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
    void otherSmallSizesFit(String method, int depth) {
        assertThat(model("emoji-32-lab", method, depth).model().depth()).isEqualTo(depth);
    }

    private static SiTConfig model(String base, String method, int depth) {
        RunConfig run = ConfigBinder.bind(
                        Path.of("..", "configs", base + ".yaml"),
                        List.of(
                                "method=" + method,
                                "model={inputSize: 32, inChannels: 4, numClasses: 8, classDropoutProb: 0.1,"
                                        + " patchSize: 4, hiddenSize: 192, depth: " + depth + ", numHeads: 6}"),
                        RunConfig.class)
                .value();
        return RunPlan.model(run);
    }
}
