package io.github.maskalign.core.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.github.maskalign.core.metrics.MetricSink.MetricSinks;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class MetricSinksTest {
    private final Logger logger = (Logger) LoggerFactory.getLogger(MetricSinks.class);
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();

    @BeforeEach
    void listen() {
        log.start();
        logger.addAppender(log);
        logger.setAdditive(false);
    }

    @AfterEach
    void stopListening() {
        logger.detachAppender(log);
        logger.setAdditive(true);
    }

    @Test
    void everyMemberGetsEveryRecord() {
        Recorder first = new Recorder(false);
        Recorder second = new Recorder(false);

        try (MetricSinks sinks = new MetricSinks(List.of(first, second))) {
            sinks.scalars(1, Map.of("loss", 0.5));
            sinks.image(2, "samples", new byte[1], 3, 4);
        }

        assertThat(first.calls).isEqualTo(second.calls).containsExactly("1 {loss=0.5}", "2 samples 3x4", "close");
        assertThat(log.list).isEmpty();
    }

    @Test
    void failingMemberWarnsEachTimeAndTheOthersGoOn() {
        Recorder healthy = new Recorder(false);

        try (MetricSinks sinks = new MetricSinks(List.of(new Recorder(true), healthy))) {
            sinks.scalars(1, Map.of("loss", 0.5));
            sinks.scalars(2, Map.of("loss", 0.25));
        }

        assertThat(healthy.calls).containsExactly("1 {loss=0.5}", "2 {loss=0.25}", "close");
        assertThat(log.list).extracting(ILoggingEvent::getLevel).containsOnly(Level.WARN);
        assertThat(log.list)
                .extracting(ILoggingEvent::getFormattedMessage)
                .containsExactly(
                        "recorder could not write scalars of step 1: java.io.IOException: No space left on device",
                        "recorder could not write scalars of step 2: java.io.IOException: No space left on device",
                        "recorder could not write the last records: java.io.IOException: No space left on device");
    }

    private static final class Recorder implements MetricSink {
        final List<String> calls = new ArrayList<>();
        final boolean full;

        Recorder(boolean full) {
            this.full = full;
        }

        @Override
        public void scalars(long step, Map<String, Double> values) throws IOException {
            add(step + " " + values);
        }

        @Override
        public void image(long step, String tag, byte[] png, int width, int height) throws IOException {
            add(step + " " + tag + " " + width + "x" + height);
        }

        @Override
        public void close() throws IOException {
            add("close");
        }

        @Override
        public String toString() {
            return "recorder";
        }

        private void add(String call) throws IOException {
            if (full) {
                throw new IOException("No space left on device");
            }
            calls.add(call);
        }
    }
}
