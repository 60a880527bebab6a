package io.github.maskalign.core.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.distributed.Launch.Address;
import io.github.maskalign.core.distributed.Launch.Kind;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class LaunchTest {
    private static final Map<String, String> MPIRUN = Map.of(
            "OMPI_COMM_WORLD_RANK",
            "3",
            "OMPI_COMM_WORLD_SIZE",
            "8",
            "OMPI_COMM_WORLD_LOCAL_RANK",
            "1",
            "PMIX_RANK",
            "3");

    private static final Map<String, String> TORCHRUN =
            Map.of("RANK", "5", "WORLD_SIZE", "16", "LOCAL_RANK", "5", "MASTER_ADDR", "node1", "MASTER_PORT", "29500");

    private static final Map<String, String> SLURM = Map.of(
            "SLURM_JOB_ID", "123456",
            "SLURM_STEP_ID", "0",
            "SLURM_PROCID", "2",
            "SLURM_NTASKS", "4",
            "SLURM_LOCALID", "0",
            "SLURM_LAUNCH_NODE_IPADDR", "10.0.0.7");

    @Test
    void aPlainProcessIsAlone() {
        assertThat(Launch.detect(Map.of("PATH", "/usr/bin"))).isEqualTo(Launch.SINGLE);
        assertThat(Launch.SINGLE.isDistributed()).isFalse();
    }

    @Test
    void readsOpenMpi() {
        assertThat(Launch.detect(MPIRUN)).isEqualTo(new Launch(Kind.MPI, 3, 8, 1, Optional.empty()));
    }

    @Test
    void readsTorchrun() {
        assertThat(Launch.detect(TORCHRUN))
                .isEqualTo(new Launch(Kind.TORCHRUN, 5, 16, 5, Optional.of(new Address("node1", 29500))));
    }

    @Test
    void readsSlurm() {
        assertThat(Launch.detect(SLURM))
                .isEqualTo(new Launch(Kind.SLURM, 2, 4, 0, Optional.of(new Address("10.0.0.7", 23456))));
    }

    @Test
    void slurmTakesAGivenAddress() {
        Map<String, String> given = with(SLURM, "MASTER_ADDR", "head");
        given.put("MASTER_PORT", "7777");

        assertThat(Launch.detect(given).master()).contains(new Address("head", 7777));
    }

    @Test
    void slurmWithPmixIsMpi() {
        assertThat(Launch.detect(with(SLURM, "PMIX_RANK", "2")))
                .isEqualTo(new Launch(Kind.MPI, 2, 4, 0, Optional.empty()));
    }

    @Test
    void aSlurmAllocationWithoutSrunIsOneProcess() {
        assertThat(Launch.detect(Map.of("SLURM_JOB_ID", "1", "SLURM_NTASKS", "4")))
                .isEqualTo(Launch.SINGLE);
    }

    @Test
    void theMostSpecificLauncherWins() {
        Map<String, String> all = new HashMap<>(SLURM);
        all.putAll(TORCHRUN);
        assertThat(Launch.detect(all).kind()).isEqualTo(Kind.TORCHRUN);
        all.putAll(MPIRUN);
        assertThat(Launch.detect(all).kind()).isEqualTo(Kind.MPI);
    }

    @Test
    void whatDoesNotFitTogetherIsNamed() {
        refuses(
                with(TORCHRUN, "RANK", "16"),
                "RANK, WORLD_SIZE and LOCAL_RANK that torchrun sets",
                "rank must be in [0, 16) but was 16");
        refuses(with(TORCHRUN, "RANK", "two"), "the variable RANK must be a whole number but was 'two'");
        refuses(with(TORCHRUN, "RANK", " "), "the variable RANK that torchrun sets is missing");
        refuses(with(TORCHRUN, "WORLD_SIZE", "0"), "the number of processes must be at least 1 but was 0");
        refuses(with(TORCHRUN, "MASTER_PORT", "0"), "a port must be in [1, 65535] but was 0");
        refuses(with(MPIRUN, "OMPI_COMM_WORLD_LOCAL_RANK", "-1"), "local rank must be in [0, 8) but was -1");
    }

    private static void refuses(Map<String, String> environment, String... parts) {
        assertThatThrownBy(() -> Launch.detect(environment))
                .isInstanceOf(IllegalArgumentException.class)
                .satisfies(e -> assertThat(e.getMessage()).contains(parts));
    }

    private static Map<String, String> with(Map<String, String> environment, String name, String value) {
        Map<String, String> changed = new HashMap<>(environment);
        changed.put(name, value);
        return changed;
    }
}
