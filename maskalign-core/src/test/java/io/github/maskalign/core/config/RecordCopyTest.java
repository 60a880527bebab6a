package io.github.maskalign.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RecordCopyTest {
    private static final Sizes SIZES = new Sizes(3, 0.5, List.of("a"));

    /** A record with a rule. */
    public record Sizes(int depth, double ratio, List<String> names) {
        public Sizes {
            if (depth < 1) {
                throw new IllegalArgumentException("depth must be at least 1 but was " + depth);
            }
        }
    }

    @Test
    void namedComponentsChangeAndNothingElse() {
        assertThat(RecordCopy.with(SIZES, Map.of("ratio", 0.25, "names", List.of())))
                .isEqualTo(new Sizes(3, 0.25, List.of()));
        assertThat(RecordCopy.with(SIZES, Map.of())).isEqualTo(SIZES);
    }

    @Test
    void refusalsOfTheRecordPass() {
        assertThatThrownBy(() -> RecordCopy.with(SIZES, Map.of("depth", 0)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("depth must be at least 1 but was 0");
    }

    @Test
    void whatIsNoComponentIsNamed() {
        assertThatThrownBy(() -> RecordCopy.with(SIZES, Map.of("dept", 1, "depth", 2)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("Sizes has no [dept]");
    }
}
