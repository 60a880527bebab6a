package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.util.cuda.CudaUtils;
import com.google.gson.GsonBuilder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.engine.internal.NativeThreads;
import io.github.maskalign.core.engine.internal.Processor;
import io.github.maskalign.core.engine.internal.TensorFloat32;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.sit.run.RunConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.lang.management.OperatingSystemMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Where numbers come from: versions, machine, settings. Stored beside them and inside every checkpoint. */
public final class Provenance {
    /** The facts that a deterministic run goes on with or not at all. Java computes no weight. */
    public static final Set<String> EXACT = Set.of(
            "maskalign",
            "djl",
            "pytorch",
            "os",
            "device",
            "precision",
            "tf32",
            "threads",
            "ranks",
            "accumulation",
            "deterministic",
            "processor",
            "cpu_capability",
            "blas",
            "kernel_limits",
            "random_numbers",
            "gpu",
            "cublas_workspace");

    /** The facts that were not recorded by every version. */
    public static final Set<String> LATER = Set.of("processor", "cpu_capability", "blas");

    /** Variables by which libraries of the engine take other kernels than the processor's, and say so nowhere. */
    private static final List<String> LIMITS = List.of("MKL_CBWR", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA");

    private Provenance() {}

    /**
     * Returns the facts that may change the rounding of a run.
     *
     * @param environment variables of this process
     */
    public static Map<String, String> of(
            RunConfig config, String version, Communicator ranks, Map<String, String> environment) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("maskalign", version);
        facts.put("djl", Engine.getDjlVersion());
        facts.put("pytorch", Engine.getInstance().getVersion());
        facts.putAll(machine());
        facts.put("device", config.runtime().device());
        facts.put("precision", config.runtime().precision().name());
        if (!config.runtime().device().equals("cpu")) {
            facts.put("gpu", gpu(config.runtime().device(ranks.localRank(), environment)));
            facts.put("cublas_workspace", environment.getOrDefault("CUBLAS_WORKSPACE_CONFIG", "unset"));
        }
        Processor processor = Processor.read();
        facts.put("processor", processor.model());
        facts.put("cpu_capability", processor.capability());
        facts.put("blas", processor.blas());
        List<String> limits = LIMITS.stream()
                .filter(environment::containsKey)
                .map(name -> name + "=" + environment.get(name))
                .toList();
        if (!limits.isEmpty()) {
            facts.put("kernel_limits", String.join(", ", limits));
        }
        facts.put("random_numbers", Draws.ALGORITHM);
        for (int i = 0; i < config.encoders().size(); i++) {
            Optional<Path> encoder = config.encoders().get(i).path();
            if (encoder.isPresent() && Files.isRegularFile(encoder.get())) {
                facts.put(i == 0 ? "encoder_sha256" : "encoder_" + (i + 1) + "_sha256", sha256(encoder.get()));
            }
        }
        if (TensorFloat32.isOn()) { // by the config, or by TORCH_ALLOW_TF32_CUBLAS_OVERRIDE in the environment
            facts.put("tf32", "true");
        }
        facts.put("threads", Integer.toString(NativeThreads.count()));
        facts.put("ranks", ranks.size() == 1 ? "1" : ranks.size() + " by " + ranks.description());
        facts.put("accumulation", Integer.toString(config.train().accumulation()));
        if (config.runtime().deterministic()) {
            facts.put("deterministic", "true");
        }
        return facts;
    }

    /** Returns version of the Java VM and kind of system, as {@code java.vm.version}, {@code os.name} and {@code os.arch}. */
    public static Map<String, String> machine() {
        OperatingSystemMXBean system = ManagementFactory.getOperatingSystemMXBean();
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("java", ManagementFactory.getRuntimeMXBean().getVmVersion());
        facts.put("os", system.getName() + " " + system.getArch());
        return facts;
    }

    private static String gpu(Device device) {
        return "compute capability " + CudaUtils.getComputeCapability(device.getDeviceId()) + ", "
                + (CudaUtils.getGpuMemory(device).getMax() >> 20) + " MiB";
    }

    private static String sha256(Path file) {
        try {
            return Digests.sha256(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the text of {@code provenance.json}. */
    public static String json(Bound<RunConfig> config, Map<String, String> facts) {
        Map<String, Object> all = new LinkedHashMap<>(facts);
        all.put("config_source", config.source());
        all.put("config_overrides", config.overrides());
        all.put("config_sha256", config.hash());
        all.put("seed", config.value().seed());
        return new GsonBuilder()
                        .setPrettyPrinting()
                        .disableHtmlEscaping()
                        .create()
                        .toJson(all) + "\n";
    }
}
