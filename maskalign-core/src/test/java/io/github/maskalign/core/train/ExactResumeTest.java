package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.train.TrainListener.StopReason;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

@Tag("bits")
@Tag("device")
class ExactResumeTest {
    private static final TrainConfig TEN =
            new TrainConfig(10, 4, 2, new TrainConfig.Saving(5, 2, 0), new TrainConfig.Skipping(2, 3));

    @TempDir
    private Path folder;

    @Test
    void exactRunGoesOnOnlyWithTheFactsItBeganWith() throws Exception {
        assertThat(exact(TEN, Map.of("threads", "2", "java", "17"), Set.of())).isEqualTo(StopReason.COMPLETED);

        assertThatThrownBy(() -> exact(RunningTiny.TWENTY, Map.of("threads", "1", "java", "21"), Set.of("threads")))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("threads was 2 and is now 1")
                .hasMessageContaining("a deterministic run goes on only where it rounds as before")
                .hasMessageNotContaining("java");
        assertThatThrownBy(() -> exact(
                        RunningTiny.TWENTY,
                        Map.of("threads", "2", "deterministic", "true"),
                        Set.of("threads", "deterministic")))
                .hasMessageContaining("deterministic was absent and is now true");
        assertThat(folder.resolve("checkpoints/state-0000010")).isDirectory();

        assertThat(exact(RunningTiny.TWENTY, Map.of("threads", "2", "java", "21"), Set.of("threads")))
                .isEqualTo(StopReason.COMPLETED);
    }

    @Test
    void otherProcessorIsRefusedOfAnExactRunAndToldOtherwise() throws Exception {
        assertThat(exact(TEN, Map.of("cpu_capability", "avx2"), Set.of("cpu_capability")))
                .isEqualTo(StopReason.COMPLETED);

        assertThatThrownBy(
                        () -> exact(RunningTiny.TWENTY, Map.of("cpu_capability", "avx512"), Set.of("cpu_capability")))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("cpu_capability was avx2 and is now avx512");
        try (Warnings log = new Warnings()) {
            assertThat(exact(RunningTiny.TWENTY, Map.of("cpu_capability", "avx512"), Set.of()))
                    .isEqualTo(StopReason.COMPLETED);
            assertThat(log.lines())
                    .contains("the run may continue with other roundings: cpu_capability was avx2 and is now avx512");
        }
    }

    @Test
    void factThatEarlierVersionsDidNotRecordIsToldAsUnknown() throws Exception {
        assertThat(exact(TEN, Map.of("threads", "2"), Set.of("threads"))).isEqualTo(StopReason.COMPLETED);

        Map<String, String> facts = Map.of("threads", "2", "blas", "MKL", "deterministic", "true");
        assertThatThrownBy(() -> exact(RunningTiny.TWENTY, facts, Set.of("threads", "blas", "deterministic")))
                .hasMessageContaining("deterministic was absent and is now true")
                .hasMessageNotContaining("blas");
        try (Warnings log = new Warnings()) {
            assertThat(exact(RunningTiny.TWENTY, Map.of("threads", "2", "blas", "MKL"), Set.of("threads", "blas")))
                    .isEqualTo(StopReason.COMPLETED);
            assertThat(log.lines())
                    .contains("the run may continue with other roundings: blas is unknown of the saved state and is"
                            + " now MKL");
        }
    }

    private StopReason exact(TrainConfig config, Map<String, String> facts, Set<String> exact) throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            TinyObjective objective = new TinyObjective(manager, 3);
            try (TrainState state = new TrainState(manager, objective.parameters())) {
                RunIdentity identity =
                        RunIdentity.of("tiny", Map.of(), facts).withExact(exact).withLater(Set.of("blas"));
                RunCheckpoints files = RunCheckpoints.open(folder, identity, 2);
                return new TrainLoop(config, RunningTiny.OPTIM, objective, state, List.of())
                        .withCheckpoints(files)
                        .run();
            }
        }
    }

    /** What the logger of the checkpoints is told while this is open. */
    private static final class Warnings implements AutoCloseable {
        private final Logger logger = (Logger) LoggerFactory.getLogger(RunCheckpoints.class);
        private final ListAppender<ILoggingEvent> events = new ListAppender<>();

        Warnings() {
            events.start();
            logger.addAppender(events);
        }

        List<String> lines() {
            return events.list.stream().map(ILoggingEvent::getFormattedMessage).toList();
        }

        @Override
        public void close() {
            logger.detachAppender(events);
        }
    }
}
