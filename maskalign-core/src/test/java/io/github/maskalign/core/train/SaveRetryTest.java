package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.train.RunSaver.SaveRetry;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/** Patience with a disk, on a clock of the test's. */
class SaveRetryTest {
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    private final List<Long> attempts = new ArrayList<>();
    private final List<String> told = new ArrayList<>();
    private long now = 1;

    private SaveRetry.Failure run(int failures, Duration patience, BooleanSupplier stop) {
        return new SaveRetry(() -> now, time -> now += time.toNanos())
                .run(
                        () -> {
                            attempts.add(Duration.ofNanos(now).toSeconds());
                            if (attempts.size() <= failures) {
                                throw new IOException("full " + attempts.size());
                            }
                        },
                        patience,
                        stop,
                        (failure, next, left) ->
                                told.add(failure.getMessage() + ", " + next.toSeconds() + " of " + left.toSeconds()));
    }

    @Test
    void whatWorksIsTriedOnce() {
        assertThat(run(0, PATIENCE, () -> false)).isNull();
        assertThat(attempts).containsExactly(0L);
    }

    @Test
    void pausesDoubleUpToAMinute() {
        assertThat(run(8, PATIENCE, () -> false)).isNull();
        assertThat(attempts).containsExactly(0L, 1L, 3L, 7L, 15L, 31L, 63L, 123L, 183L);
        assertThat(told).hasSize(8).startsWith("full 1, 1 of 600", "full 2, 2 of 599");
    }

    @Test
    void patienceEndsWithALastAttempt() {
        SaveRetry.Failure failure = run(100, PATIENCE, () -> false);

        assertThat(failure).isNotNull();
        assertThat(failure.waited()).isEqualTo(PATIENCE);
        assertThat(failure.cause()).hasMessage("full " + attempts.size());
        assertThat(attempts).endsWith(543L, 600L);
    }

    @Test
    void noPatienceIsOneAttempt() {
        assertThat(run(100, Duration.ZERO, () -> false)).isNotNull();
        assertThat(attempts).hasSize(1);
    }

    @Test
    void wishToEndCutsThePauseAndThePatience() {
        SaveRetry.Failure failure =
                run(100, PATIENCE, () -> Duration.ofNanos(now).toSeconds() >= 70);

        assertThat(failure).isNotNull();
        assertThat(attempts).containsExactly(0L, 1L, 3L, 7L, 15L, 31L, 63L, 70L, 71L, 73L, 77L, 85L, 100L);
        assertThat(failure.waited()).isBetween(Duration.ofSeconds(99), Duration.ofSeconds(101));
    }

    @Test
    void interruptionDoesNotCostAnAttempt() {
        boolean[] noted = {false};
        SaveRetry.Failure failure = new SaveRetry(() -> now, time -> now += time.toNanos())
                .run(
                        () -> {
                            attempts.add(now);
                            if (attempts.size() == 1) {
                                Thread.currentThread().interrupt(); // in the middle of a write
                                throw new IOException("closed by interruption");
                            }
                        },
                        Duration.ZERO,
                        () -> noted[0] |= Thread.interrupted(),
                        (cause, next, left) -> {});

        assertThat(failure).isNull();
        assertThat(noted[0]).isTrue();
    }
}
