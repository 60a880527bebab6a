package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.data.internal.SampleBuffer.SampleRange;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class BatchPlanTest {
    @Test
    void everyDivisionCoversEveryPositionOnceInOrder() {
        long seed = Long.getLong("test.seed", 11);
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < 300; i++) {
            int accumulation = 1 + random.nextInt(4);
            int globalBatch = accumulation * (1 + random.nextInt(20));
            int ranks = 1 + random.nextInt(globalBatch / accumulation);
            long step = random.nextLong(1L << 40);
            long next = step * globalBatch;
            for (int rank = 0; rank < ranks; rank++) {
                BatchPlan plan = new BatchPlan(globalBatch, accumulation, rank, ranks);
                for (int j = 0; j < accumulation; j++) {
                    SampleRange range = plan.microBatch(step, j);
                    assertThat(range.first()).as("seed %d: %s", seed, plan).isEqualTo(next);
                    next += range.count();
                    SampleRange following =
                            j + 1 < accumulation ? plan.microBatch(step, j + 1) : plan.microBatch(step + 1, 0);
                    assertThat(plan.after(range)).as("seed %d: %s", seed, plan).isEqualTo(following);
                }
            }
            assertThat(next).isEqualTo((step + 1) * globalBatch);
        }
    }

    @Test
    void impossibleDivisionsAreRefused() {
        assertThatThrownBy(() -> new BatchPlan(8, 2, 0, 5))
                .hasMessage("globalBatch must have a sample for each of 5 ranks times 2 micro-batches but was 8");
        assertThatThrownBy(() -> new BatchPlan(8, 3, 0, 1))
                .hasMessage("accumulation must divide globalBatch 8 but was 3");
        assertThatThrownBy(() -> new BatchPlan(8, 2, 2, 2)).hasMessage("rank must be in [0, 2) but was 2");
    }
}
