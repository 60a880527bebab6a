package io.github.maskalign.examples.teacher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.nn.Precision;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class TeacherConfigTest {
    static TeacherConfig small() {
        return with(List.of("noto", "twemoji"), "fxemoji", "noto");
    }

    @Test
    void shippedConfigBinds() {
        TeacherConfig config = ConfigBinder.bind(
                        Path.of("..", "configs", "emoji-32-teacher.yaml"), List.of(), TeacherConfig.class)
                .value();

        assertThat(config.heldOut()).isEqualTo("fxemoji");
        assertThat(config.sets()).doesNotContain("fxemoji", "openmoji");
    }

    @Test
    void rateWarmsUpAndEndsAtZero() {
        assertThat(small().optim().lrAt(0)).isLessThan(1e-3);
        assertThat(small().optim().lrAt(5)).isEqualTo(1e-3);
        assertThat(small().optim().lrAt(100)).isZero();
    }

    @Test
    void overlappingSetsAreRefused() {
        List<String> two = List.of("noto", "twemoji");

        assertThatThrownBy(() -> with(two, "noto", "noto")).hasMessageContaining("heldOut must not be among sets");
        assertThatThrownBy(() -> with(two, "fxemoji", "fxemoji")).hasMessageContaining("gallery must be among sets");
        assertThatThrownBy(() -> with(List.of("noto"), "fxemoji", "noto"))
                .hasMessageContaining("sets must name at least two");
    }

    private static TeacherConfig with(List<String> sets, String heldOut, String gallery) {
        return new TeacherConfig(
                "t", 0, sets, heldOut, gallery, 100, 8, 1e-3, 0.05, 0.99, 0.1, 0.5, 0, Precision.FLOAT32, 0);
    }
}
