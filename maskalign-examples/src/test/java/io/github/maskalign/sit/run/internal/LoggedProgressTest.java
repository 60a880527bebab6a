package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.github.maskalign.sit.run.Progress;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.LoggerFactory;

class LoggedProgressTest {
    private static final long SECOND = 1_000_000_000L;

    private final Logger logger = (Logger) LoggerFactory.getLogger(LoggedProgress.class);
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private final AtomicLong clock = new AtomicLong();

    @BeforeEach
    void listen() {
        log.start();
        logger.addAppender(log);
        logger.setAdditive(false);
        logger.setLevel(Level.INFO);
    }

    @AfterEach
    void stopListening() {
        logger.detachAppender(log);
        logger.setAdditive(true);
        logger.setLevel(null);
    }

    @Test
    void logsALineEveryFewStepsAndAtTheEnd() {
        Progress.Plan plan = new Progress.Plan("train", 1000, 1005, 64, 2);

        try (LoggedProgress progress = new LoggedProgress(plan, clock::get)) {
            for (long step = 1001; step <= 1005; step++) {
                clock.addAndGet(SECOND / 2);
                progress.step(step, 0.5);
            }
        }

        assertThat(log.list)
                .extracting(ILoggingEvent::getFormattedMessage)
                .containsExactly(
                        "train 1,002/1,005: loss 0.5000, 128 img/s, 1s left",
                        "train 1,004/1,005: loss 0.5000, 128 img/s, 0s left",
                        "train 1,005/1,005: loss 0.5000, 128 img/s");
    }

    @Test
    void rateIsThatOfTheLastStretch() {
        Progress.Plan plan = new Progress.Plan("sample", 0, 100, 8, 10);

        try (LoggedProgress progress = new LoggedProgress(plan, clock::get)) {
            clock.set(100 * SECOND); // a slow start
            progress.step(10, Double.NaN);
            clock.set(101 * SECOND);
            progress.step(20, Double.NaN);
        }

        assertThat(log.list.get(0).getFormattedMessage()).isEqualTo("sample 10/100: 0.80 img/s, 15m 00s left");
        assertThat(log.list.get(1).getFormattedMessage()).isEqualTo("sample 20/100: 80.0 img/s, 8s left");
    }

    @ParameterizedTest
    @CsvSource({"0, 0s", "59, 59s", "60, 1m 00s", "3599, 59m 59s", "11220, 3h 07m", "187200, 2d 04h"})
    void namesTheTwoLargestUnits(long seconds, String text) {
        assertThat(ProgressRate.time(seconds)).isEqualTo(text);
    }

    @Test
    void refusesAnEmptyPlan() {
        assertThatThrownBy(() -> new Progress.Plan("train", 5, 5, 1, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("totalSteps must be greater than firstStep, which must be >= 0, but were 5 and 5");
    }
}
