package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.sit.run.Progress;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicLong;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import org.junit.jupiter.api.Test;

class TerminalBarTest {
    private static final long SECOND = 1_000_000_000L;

    private final AtomicLong clock = new AtomicLong();

    @Test
    void drawsABarOnATerminal() {
        ByteArrayOutputStream screen = new ByteArrayOutputStream();
        Progress.Plan plan = new Progress.Plan("train", 10, 20, 4, 1);

        try (TerminalBar bar = new TerminalBar(
                plan,
                TerminalBar.builder(plan)
                        .setConsumer(new ConsoleProgressBarConsumer(
                                new PrintStream(screen, true, StandardCharsets.UTF_8), 100))
                        .build(),
                clock::get)) {
            clock.set(2 * SECOND);
            bar.step(20, 0.25);
        }

        assertThat(screen.toString(StandardCharsets.UTF_8)).contains("train 100%", "20/20", "loss 0.2500, 20.0 img/s");
    }
}
