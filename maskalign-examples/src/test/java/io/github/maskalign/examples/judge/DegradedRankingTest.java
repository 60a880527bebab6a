package io.github.maskalign.examples.judge;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.examples.judge.DegradedRanking.Distances;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DegradedRankingTest {
    @TempDir
    Path cache;

    @Test
    void tauCountsPairsInOrder() {
        assertThat(DegradedRanking.tau(new double[] {1, 2, 3})).isEqualTo(1);
        assertThat(DegradedRanking.tau(new double[] {3, 2, 1})).isEqualTo(-1);
        assertThat(DegradedRanking.tau(new double[] {1, 1, 1})).isZero();
        assertThat(DegradedRanking.tau(new double[] {1, 3, 2})).isEqualTo(1 / 3.0);
    }

    /**
     * Draws a set and encodes 8,000 pictures: under a minute. The artist is one whom the judge has never seen; copies are
     * compared with what they were made from, so that 200 drawings suffice.
     */
    @Test
    @Tag("slow")
    void distancesGrowWithEveryKindOfDegradation() throws Exception {
        try (DegradedRanking ranking = new DegradedRanking("fxemoji", 200, true, cache, 5);
                RepresentationEncoder judge = Encoders.embeddedJudge()) {
            for (Degradation degradation : Degradation.values()) {
                Distances found = ranking.of(judge, degradation);

                assertThat(DegradedRanking.tau(found.frechet()))
                        .as("%s, Fréchet", degradation)
                        .isEqualTo(1);
                assertThat(DegradedRanking.tau(found.kernel()))
                        .as("%s, kernel", degradation)
                        .isEqualTo(1);
            }
        }
    }
}
