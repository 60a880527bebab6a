package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.distributed.MpiRun;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What sums beside the backward pass cost and win on this machine, in numbers to read. */
@Tag("slow")
class OverlapRateTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({"384,8,4,12,true", "768,6,2,10,true", "384,8,4,12,false", "768,6,2,10,false"})
    void bothWaysAreTimed(String width, String depth, String samples, String rounds, String recomputed)
            throws Exception {
        MpiRun.assumeInstalled();
        try (MpiRun run = MpiRun.start(folder, 2, OverlapRate.class, width, depth, samples, rounds, recomputed)) {
            MpiRun.Result result = run.result();

            assertThat(result.exitCode()).as(result.text()).isZero();
            assertThat(result.lines("waiting")).hasSize(1);
            System.out.println(width + " wide, " + depth + " blocks, recomputed " + recomputed + ": "
                    + result.lines("waiting").get(0));
        }
    }
}
