package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.io.CheckpointFormatException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExactResumeTest {
    @TempDir
    private Path folder;

    @Test
    void exactRunGoesOnOnlyWithTheFactsItBeganWith() throws Exception {
        TrainConfig ten = new TrainConfig(10, 4, 2, 5, 2, 0, 2, 3);
        assertThat(exact(ten, Map.of("threads", "2", "java", "17"), Set.of())).isEqualTo(StopReason.COMPLETED);

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

    private StopReason exact(TrainConfig config, Map<String, String> facts, Set<String> exact) throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            TinyObjective objective = new TinyObjective(manager, 3);
            try (TrainState state = new TrainState(manager, objective.parameters())) {
                RunIdentity identity = RunIdentity.of("tiny", Map.of(), facts).withExact(exact);
                RunCheckpoints files = RunCheckpoints.open(folder, identity, 2);
                return new TrainLoop(config, RunningTiny.OPTIM, objective, state, files, List.of()).run();
            }
        }
    }
}
