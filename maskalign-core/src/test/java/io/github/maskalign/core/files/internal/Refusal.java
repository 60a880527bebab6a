package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.junit.jupiter.params.provider.Arguments;

/** Checkpoints that must be refused, whatever is asked of unknown classes. */
final class Refusal {
    private Refusal() {}

    /** A row of a table of checkpoints: what it does, the reason to be given, and how it is made. */
    static Arguments program(String what, String reason, UnaryOperator<Checkpoints> content) {
        return Arguments.of(what, reason, content);
    }

    /** Writes the checkpoint and has it refused, with the file and the reason. */
    static void refused(Path folder, Checkpoints content, String reason) throws IOException {
        Path file = content.write(folder);
        for (Unknown unknown : Unknown.values()) {
            assertThatThrownBy(() -> TorchFile.open(file, unknown))
                    .as(unknown.name())
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageStartingWith(file + ": " + content.place())
                    .hasMessageContaining(reason);
        }
    }
}
