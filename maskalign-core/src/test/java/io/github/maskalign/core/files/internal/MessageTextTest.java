package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.files.CheckpointFormatException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class MessageTextTest {
    private static final String CLEARS = "\u001b[2J\u009b1m";

    @Test
    void whatMovesATerminalIsEscapedAndTheRestStays() {
        assertThat(MessageText.quote("grün 😀 \"x\"")).isEqualTo("\"grün 😀 \"x\"\"");
        assertThat(MessageText.quote(CLEARS)).isEqualTo("\"\\u001b[2J\\u009b1m\"");
        assertThat(MessageText.value("a\r\nb\u202ec\u2028d\ud800"))
                .isEqualTo("a\\u000d\\u000ab\\u202ec\\u2028d\\ud800");
        assertThat(MessageText.message("a\n" + CLEARS)).isEqualTo("a\n\\u001b[2J\\u009b1m");
    }

    @Test
    void longTextsAreCut() {
        assertThat(MessageText.quote("x".repeat(70_000))).hasSize(103).endsWith("…\"");
        assertThat(MessageText.sentence("x".repeat(70_000))).hasSize(2_001).endsWith("…");
    }

    @Test
    void exceptionsCarryNeitherControlCharactersNorWholeFiles() {
        CheckpointFormatException e =
                new CheckpointFormatException(Path.of("a" + CLEARS + ".npz"), "has " + CLEARS + "x".repeat(70_000));

        assertThat(e.getMessage())
                .startsWith("a\\u001b[2J\\u009b1m.npz: has \\u001b[2J")
                .hasSizeLessThan(2_100);
        assertThat(e.problems().get(0)).startsWith("has \\u001b[2J").hasSizeLessThan(2_100);
    }
}
