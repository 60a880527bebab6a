package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.engine.internal.ProcessStatus;
import io.github.maskalign.examples.StepBenchmark;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** 2,000 steps of a small MaskAlign model: as many arrays at the end as after warm-up, and no more memory. */
@Tag("slow")
class LongRunTest {
    private static final int WARM_UP = 200;
    private static final int STEPS = 2000;

    @Test
    void arraysAndMemoryStayConstant() throws IOException {
        RunConfig config = ConfigBinder.bind(
                        Path.of("..", "configs", "emoji-32.yaml"),
                        List.of("model.hiddenSize=48", "model.depth=3", "align.depth=2", "model.numHeads=3"),
                        RunConfig.class)
                .value();
        try (NDManager probe = NDManager.newBaseManager();
                StepBenchmark benchmark = new StepBenchmark(config, 4)) {
            NDManager system = probe.getParentManager();
            benchmark.run(WARM_UP);
            System.gc();
            int arrays = system.getManagedArrays().size();
            long resident = resident();

            for (int done = WARM_UP; done < STEPS; done += 100) {
                benchmark.run(100);
                assertThat(system.getManagedArrays())
                        .as("arrays after %d steps", done + 100)
                        .hasSize(arrays);
            }
            System.gc();

            // 2 %: pages the allocators of Java and C keep; a leak of one array of a step would be more than 10 %
            assertThat(resident()).isLessThan((long) (resident * 1.02) + (8 << 20));
        }
    }

    private static long resident() {
        return ProcessStatus.read().orElseThrow().residentBytes();
    }
}
