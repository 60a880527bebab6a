package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import java.util.List;
import java.util.Map;

/**
 * Which of the GPUs that a process sees is its own.
 *
 * <p>The one whose number is the local rank modulo the number of visible GPUs: all ranks of a machine may see all of its
 * GPUs, or each its own. Ranks that see fewer than they are share one unless something gave each its own, which they
 * cannot know before they talk: then their GPUs are compared when the group is made, or by NCCL itself.
 */
public final class LocalGpu {
    /** Variables by which launchers and container tools give a process some of the GPUs of a machine. */
    private static final List<String> GIVEN =
            List.of("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "SLURM_STEP_GPUS", "SLURM_GPUS_PER_TASK");

    private LocalGpu() {}

    /**
     * Returns the GPU of a process.
     *
     * @param localRank which of the processes on this machine it is, from 0
     * @param gpus number of GPUs that it sees, at least 1
     * @param environment its variables
     * @throws IllegalArgumentException if it would share the GPU of another process
     */
    public static Device of(int localRank, int gpus, Map<String, String> environment) {
        boolean given = GIVEN.stream()
                .anyMatch(name -> !environment.getOrDefault(name, "").isBlank());
        if (localRank >= gpus && !given) {
            throw new IllegalArgumentException("every process needs a GPU of its own, but the engine sees " + gpus
                    + " and this is process " + (localRank + 1) + " of this machine; start fewer, or let the launcher"
                    + " give each its own, by CUDA_VISIBLE_DEVICES or --gpus-per-task");
        }
        return Device.gpu(localRank % gpus);
    }
}
