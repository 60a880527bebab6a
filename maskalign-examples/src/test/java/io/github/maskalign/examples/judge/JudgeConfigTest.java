package io.github.maskalign.examples.judge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.examples.teacher.TeacherConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class JudgeConfigTest {
    private static final Path SHIPPED = Path.of("..", "configs", "emoji-judge.yaml");
    private static final Path TEACHER = Path.of("..", "configs", "emoji-32-teacher.yaml");

    static JudgeConfig small() {
        return with(List.of("noto", "twemoji"), "fxemoji", 0.1, 4);
    }

    @Test
    void shippedConfigBindsSaysWhatItIsAndSharesNoSeedWithTheTeacher() throws Exception {
        JudgeConfig config =
                ConfigBinder.bind(SHIPPED, List.of(), JudgeConfig.class).value();
        TeacherConfig teacher =
                ConfigBinder.bind(TEACHER, List.of(), TeacherConfig.class).value();

        assertThat(config.heldOut()).isEqualTo("fxemoji");
        assertThat(config.sets()).doesNotContain("fxemoji", "openmoji");
        assertThat(config.seed()).isNotEqualTo(teacher.seed());
        assertThat(Files.readString(SHIPPED).split("\n\n")[0])
                .contains("Purpose:", "Expected:", "scripts/maskalign train-judge configs/emoji-judge.yaml");
    }

    @Test
    void rateWarmsUpAndEndsAtZero() {
        assertThat(small().optim().lrAt(0)).isLessThan(1e-3);
        assertThat(small().optim().lrAt(5)).isEqualTo(1e-3);
        assertThat(small().optim().lrAt(100)).isZero();
    }

    @Test
    void valuesOutOfRangeAreRefused() {
        List<String> two = List.of("noto", "twemoji");

        assertThatThrownBy(() -> with(two, "noto", 0.1, 4)).hasMessageContaining("heldOut must not be among sets");
        assertThatThrownBy(() -> with(List.of("noto"), "fxemoji", 0.1, 4))
                .hasMessageContaining("sets must name at least two");
        assertThatThrownBy(() -> with(two, "fxemoji", 1, 4)).hasMessage("smoothing must be below 1 but was 1.0");
        assertThatThrownBy(() -> with(two, "fxemoji", 0.1, 64))
                .hasMessage("shift must be below the pictures' side of 64 pixels but was 64");
    }

    private static JudgeConfig with(List<String> sets, String heldOut, double smoothing, int shift) {
        return new JudgeConfig(
                "j", 0, sets, heldOut, "noto", 100, 8, 1e-3, 0.05, 0.99, smoothing, 0.5, 2, 3, 0.5, shift, 0);
    }
}
