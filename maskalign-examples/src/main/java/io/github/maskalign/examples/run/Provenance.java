package io.github.maskalign.examples.run;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.util.cuda.CudaUtils;
import com.google.gson.GsonBuilder;
import io.github.maskalign.core.config.Bound;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.engine.NativeThreads;
import io.github.maskalign.core.engine.TensorFloat32;
import io.github.maskalign.core.io.Digests;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Where numbers come from: versions, machine, settings. Stored beside them and inside every checkpoint. */
public final class Provenance {
    /** The facts that a deterministic run goes on with or not at all. Java computes no weight. */
    static final Set<String> EXACT = Set.of(
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
            "gpu",
            "cublas_workspace");

    private Provenance() {}

    /** Returns the facts that may change the rounding of a run. */
    public static Map<String, String> of(RunConfig config, String version, Communicator ranks) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("maskalign", version);
        facts.put("djl", Engine.getDjlVersion());
        facts.put("pytorch", Engine.getInstance().getVersion());
        facts.put("java", System.getProperty("java.vm.version"));
        facts.put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        facts.put("device", config.runtime().device());
        facts.put("precision", config.runtime().precision().name());
        if (!config.runtime().device().equals("cpu")) {
            facts.put("gpu", gpu(config.runtime().device(ranks.localRank())));
            facts.put("cublas_workspace", System.getenv().getOrDefault("CUBLAS_WORKSPACE_CONFIG", "unset"));
        }
        Optional<Path> encoder = config.encoder().path();
        if (encoder.isPresent() && Files.isRegularFile(encoder.get())) {
            facts.put("encoder_sha256", sha256(encoder.get()));
        }
        if (TensorFloat32.isOn()) { // by the config, or by TORCH_ALLOW_TF32_CUBLAS_OVERRIDE in the environment
            facts.put("tf32", "true");
        }
        facts.put("threads", Integer.toString(NativeThreads.count()));
        facts.put("ranks", ranks.size() == 1 ? "1" : ranks.size() + " by " + ranks.description());
        facts.put("accumulation", Integer.toString(config.train().accumulation()));
        if (config.runtime().deterministic()) {
            facts.put("deterministic", "true");
            facts.put("processor", processor());
        }
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

    /** The engine chooses its kernels by the processor. */
    private static String processor() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.startsWith("model name"))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse("unknown");
        } catch (IOException | UncheckedIOException e) {
            return "unknown"; // not Linux
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
