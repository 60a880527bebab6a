package io.github.maskalign.core.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.distributed.Agreement.RankFailedException;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.distributed.Communicators.LocalCommunicator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class AgreementTest {
    @Test
    void anyIsTheSameOnAllRanks() throws Exception {
        assertThat(play(3, agreement -> agreement.any(agreement.ranks().rank() == 1) + " " + agreement.any(false)))
                .containsOnly("true false");
    }

    @Test
    void theFirstOfSeveralFailuresIsReportedElsewhere() throws Exception {
        List<String> said = play(4, agreement -> {
            int rank = agreement.ranks().rank();
            try {
                agreement.together(() -> {
                    if (rank % 2 == 1) {
                        throw new IOException("disk " + rank + " is full");
                    }
                    return rank;
                });
                return "went on";
            } catch (IOException | RankFailedException e) {
                return agreement.isFailureKnown() + " " + e.getMessage();
            }
        });

        assertThat(said)
                .containsExactly(
                        "true rank 1 of 4 failed, so this one ends: disk 1 is full",
                        "true disk 1 is full",
                        "true rank 1 of 4 failed, so this one ends: disk 1 is full",
                        "true disk 3 is full");
    }

    @Test
    void aFailureBetweenTwoWordsReachesTheOthersAtTheirNext() throws Exception {
        List<String> said = play(2, agreement -> {
            agreement.any(false);
            if (agreement.ranks().rank() == 0) {
                agreement.fail(new IllegalStateException()); // no message
                agreement.fail(new IllegalStateException("again")); // they know
                return "failed";
            }
            try {
                agreement.any(true);
                return "went on";
            } catch (RankFailedException e) {
                assertThat(e.failedRank()).isZero();
                assertThatThrownBy(() -> agreement.any(true)).isInstanceOf(IllegalStateException.class);
                return e.getMessage();
            }
        });

        assertThat(said)
                .containsExactly("failed", "rank 0 of 2 failed, so this one ends: java.lang.IllegalStateException");
    }

    @Test
    void longMessagesAreCut() throws Exception {
        List<String> said = play(2, agreement -> {
            if (agreement.ranks().rank() == 0) {
                agreement.fail(new IllegalStateException("x".repeat(100_000)));
                return "";
            }
            try {
                agreement.any(false);
                return "went on";
            } catch (RankFailedException e) {
                return e.getMessage();
            }
        });

        assertThat(said.get(1)).endsWith("xxx").hasSizeBetween(4096, 4200);
    }

    @Test
    void aFailedExchangeIsNotToldToThoseWhoCannotHear() {
        Agreement agreement = new Agreement(new ThreadRanks(2).rank(0)); // the other never comes

        agreement.fail(new CommunicationException("MPI_Allreduce failed"));

        assertThat(agreement.isFailureKnown()).isFalse();
        assertThatThrownBy(() -> agreement.any(false)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void differentDigestsAreRefusedEverywhere() throws Exception {
        List<String> said = play(3, agreement -> {
            agreement.requireSame("the code", new byte[] {1});
            try {
                agreement.requireSame(
                        "the config", new byte[] {(byte) (agreement.ranks().rank() / 2)});
                return "went on";
            } catch (CommunicationException e) {
                return agreement.isFailureKnown() + " " + e.getMessage();
            }
        });

        assertThat(said)
                .containsOnly("true the config must be the same on every rank but is 00 on rank 0 and 01 on rank 2");
    }

    @Test
    void aSingleProcessWaitsForNobody() throws Exception {
        Agreement agreement = new Agreement(new LocalCommunicator());

        assertThat(agreement.any(true)).isTrue();
        assertThat(agreement.any(false)).isFalse();
        assertThat(agreement.together(() -> 4)).isEqualTo(4);
        agreement.requireSame("anything", new byte[0]);
        agreement.fail(new IllegalStateException("x"));
        assertThat(agreement.any(true)).isTrue();
    }

    private static List<String> play(int size, Function<Agreement, String> scene) throws Exception {
        ThreadRanks ranks = new ThreadRanks(size);
        List<CompletableFuture<String>> running = new ArrayList<>();
        for (int rank = 0; rank < size; rank++) {
            Agreement agreement = new Agreement(ranks.rank(rank));
            CompletableFuture<String> answer = new CompletableFuture<>();
            running.add(answer);
            new Thread(() -> {
                        try {
                            answer.complete(scene.apply(agreement));
                        } catch (Throwable e) {
                            answer.completeExceptionally(e);
                        }
                    })
                    .start();
        }
        List<String> said = new ArrayList<>();
        for (CompletableFuture<String> answer : running) {
            said.add(answer.get(20, TimeUnit.SECONDS));
        }
        return said;
    }
}
