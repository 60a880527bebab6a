package io.github.maskalign.core.engine.internal;

import ai.djl.Device;
import ai.djl.util.cuda.CudaUtils;
import java.lang.management.MemoryUsage;
import java.util.Optional;

/**
 * What a GPU says about its memory: of all processes together, and with what the engine holds in reserve.
 *
 * @param usedBytes memory in use now
 * @param totalBytes all there is
 */
public record DeviceMemory(long usedBytes, long totalBytes) {
    /** Asks a GPU; empty for a CPU, and where the driver does not answer. */
    public static Optional<DeviceMemory> read(Device device) {
        if (!device.isGpu()) {
            return Optional.empty();
        }
        try {
            MemoryUsage usage = CudaUtils.getGpuMemory(device);
            return Optional.of(new DeviceMemory(usage.getCommitted(), usage.getMax()));
        } catch (RuntimeException | LinkageError e) {
            return Optional.empty();
        }
    }
}
