package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import ai.djl.engine.Engine;
import io.github.maskalign.core.config.Default;
import io.github.maskalign.core.config.NonNegative;
import io.github.maskalign.core.config.OneOf;
import io.github.maskalign.core.config.Positive;
import io.github.maskalign.core.config.Range;
import io.github.maskalign.core.engine.internal.NativeThreads;
import java.util.Map;

/**
 * How a run uses its machine and what it shows.
 *
 * @param device where it runs
 * @param precision arithmetic of matrix products
 * @param threads threads of one operation on the CPU; 0 leaves the choice to the engine
 * @param logEvery steps between two lines of {@code stats.jsonl}
 * @param previewEvery steps between two sample grids; 0 draws one at the end alone
 * @param previewPictures pictures of a grid
 * @param previewScale how many times a picture is enlarged in a grid
 * @param deterministic whether equal bits are promised: only deterministic algorithms, and a run goes on only with the
 *     same device, processor, kernels, threads, ranks and versions
 */
public record RuntimeSection(
        @OneOf({"cpu", "gpu"}) String device,
        RunPrecision precision,

        @Range(min = 0, max = NativeThreads.MOST) @Default("0")
        int threads,

        @Positive int logEvery,
        @NonNegative int previewEvery,
        @Positive int previewPictures,
        @Positive @Default("1") int previewScale,
        @Default("false") boolean deterministic) {

    /**
     * Returns the device of one of the processes on this machine.
     *
     * @param localRank which of them, from 0
     * @param environment variables of this process
     * @throws IllegalArgumentException if there is no GPU for it, see {@link LocalGpu}
     */
    public Device device(int localRank, Map<String, String> environment) {
        if (device.equals("cpu")) {
            return Device.cpu();
        }
        int gpus = Engine.getInstance().getGpuCount();
        if (gpus == 0) {
            throw new IllegalArgumentException(
                    "runtime.device is gpu but the engine sees none; run 'maskalign doctor', or set runtime.device=cpu");
        }
        return LocalGpu.of(localRank, gpus, environment);
    }
}
