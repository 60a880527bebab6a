package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.maskalign.core.train.LossSchedule.Course;
import org.junit.jupiter.api.Test;

class LossScheduleTest {
    @Test
    void coursesAreTheirFormulas() {
        assertThat(LossSchedule.ALWAYS.at(1_000_000)).isEqualTo(1);
        assertThat(new LossSchedule(Course.AUTO, 0).at(1_000_000)).isEqualTo(1); // until something stops it
        assertThat(new LossSchedule(Course.UNTIL, 100).at(99)).isEqualTo(1);
        assertThat(new LossSchedule(Course.UNTIL, 100).at(100)).isZero();
        assertThat(new LossSchedule(Course.LINEAR, 100).at(25)).isEqualTo(0.75);
        assertThat(new LossSchedule(Course.LINEAR, 100).at(200)).isZero();
        assertThat(new LossSchedule(Course.COSINE, 100).at(0)).isEqualTo(1);
        assertThat(new LossSchedule(Course.COSINE, 100).at(50)).isCloseTo(0.5, within(1e-15));
        assertThat(new LossSchedule(Course.COSINE, 100).at(100)).isZero();
    }

    @Test
    void anEndBelongsToACourseThatEnds() {
        assertThatThrownBy(() -> new LossSchedule(Course.CONSTANT, 5))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("until must be 0 with schedule CONSTANT but was 5");
        assertThatThrownBy(() -> new LossSchedule(Course.AUTO, 5))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("until must be 0 with schedule AUTO but was 5");
        assertThatThrownBy(() -> new LossSchedule(Course.UNTIL, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("until must be at least 1 with schedule UNTIL but was 0");
    }
}
