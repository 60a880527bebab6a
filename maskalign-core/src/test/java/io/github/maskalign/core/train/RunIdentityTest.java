package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RunIdentityTest {
    private static final String HASH = "ab".repeat(32);

    private static RunIdentity run(String sha256, String lr) {
        return RunIdentity.of("maskalign", Map.of("encoder.sha256", sha256, "optim.lr", lr), Map.of("commit", "1"))
                .withAddable(Set.of("encoder.sha256"));
    }

    @Test
    void runGoesOnWithAHashThatItBeganWithout() {
        Map<String, String> began = run("null", "0.01").metadata();

        assertThat(run(HASH, "0.01").settingsOtherThan(began)).isEmpty();
        assertThat(run(HASH, "0.02").settingsOtherThan(began)).containsExactly("optim.lr was 0.01 and is now 0.02");
        assertThat(RunIdentity.of("maskalign", Map.of("encoder.sha256", HASH, "optim.lr", "0.01"), Map.of())
                        .settingsOtherThan(began))
                .containsExactly("encoder.sha256 was null and is now " + HASH);
    }

    @Test
    void hashThatARunHasIsNeitherLostNorExchanged() {
        Map<String, String> pinned = run(HASH, "0.01").metadata();
        String other = "cd".repeat(32);

        assertThat(run(HASH, "0.01").settingsOtherThan(pinned)).isEmpty();
        assertThat(run(other, "0.01").settingsOtherThan(pinned))
                .containsExactly("encoder.sha256 was " + HASH + " and is now " + other);
        assertThat(run("null", "0.01").settingsOtherThan(pinned))
                .containsExactly("encoder.sha256 was " + HASH + " and is now null");
    }

    @Test
    void choosingFactsKeepsWhatMayBeAdded() {
        RunIdentity exact = run(HASH, "0.01").withExact(Set.of("commit"));

        assertThat(exact.addable()).containsExactly("encoder.sha256");
        assertThat(exact.withAddable(Set.of()).exact()).containsExactly("commit");
    }
}
