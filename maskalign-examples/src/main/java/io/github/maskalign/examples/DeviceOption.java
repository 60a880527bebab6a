package io.github.maskalign.examples;

import ai.djl.Device;
import ai.djl.engine.Engine;
import io.github.maskalign.core.distributed.Launch;
import io.github.maskalign.sit.run.internal.LocalGpu;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Option;

/** Where a command computes. */
final class DeviceOption {
    private static final Logger LOG = LoggerFactory.getLogger(DeviceOption.class);

    @Option(
            names = "--device",
            paramLabel = "NAME",
            description = "cpu or gpu; unless given a GPU, where the engine sees one. Of several processes on a machine"
                    + " each takes one of its own.")
    @Nullable
    String name;

    /** What was chosen, and why. */
    record Choice(Device device, String reason) {}

    /** Chooses for the only process. */
    Device choose() {
        return choose(Launch.SINGLE);
    }

    /**
     * Chooses for one of several processes, and logs it.
     *
     * @throws CommandFailure if the name is unknown, or there is no GPU and one was asked for
     */
    Device choose(Launch launch) {
        Choice choice = of(name, Engine.getInstance().getGpuCount(), launch.localRank(), System.getenv());
        if (launch.rank() == 0) {
            LOG.info("computing on {}: {}", words(choice.device), choice.reason);
        }
        return choice.device;
    }

    static Choice of(@Nullable String name, int gpus, int localRank, Map<String, String> environment) {
        if (name != null && !name.equals("cpu") && !name.equals("gpu")) {
            throw CommandFailure.badInput("--device must be cpu or gpu but was " + name);
        }
        if (gpus == 0 && "gpu".equals(name)) {
            throw CommandFailure.badInput("--device is gpu but the engine sees none; run 'maskalign doctor'");
        }
        if ("cpu".equals(name)) {
            return new Choice(Device.cpu(), "--device says so");
        }
        if (gpus == 0) {
            return new Choice(Device.cpu(), "the engine sees no GPU");
        }
        String seen = "the engine sees " + gpus + (gpus == 1 ? " GPU" : " GPUs");
        return new Choice(
                LocalGpu.of(localRank, gpus, environment),
                name == null ? seen + "; --device cpu takes the CPU" : "--device says so, and " + seen);
    }

    private static String words(Device device) {
        return device.isGpu() ? "gpu" + device.getDeviceId() : "the CPU";
    }
}
