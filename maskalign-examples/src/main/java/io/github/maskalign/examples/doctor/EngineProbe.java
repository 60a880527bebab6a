package io.github.maskalign.examples.doctor;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.util.Platform;
import ai.djl.util.Utils;
import ai.djl.util.cuda.CudaUtils;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.engine.internal.Processor;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.examples.doctor.Diagnosis.Check;
import io.github.maskalign.examples.doctor.Diagnosis.Section;
import io.github.maskalign.examples.doctor.Machine.Sizes;
import io.github.maskalign.examples.natives.CudaCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The engine, started and tried out.
 *
 * @param section what it says about itself
 * @param checks whether it computes what it should
 */
record EngineProbe(Section section, List<Check> checks) {
    private static final Path NVIDIA = Path.of("/proc/driver/nvidia/version");
    private static final int ROWS = 3;
    private static final int INNER = 5;
    private static final int COLUMNS = 7;

    static EngineProbe start() {
        Map<String, String> facts = new LinkedHashMap<>();
        List<Check> checks = new ArrayList<>();
        checks.add(quiet());
        long before = System.nanoTime();
        try {
            Engine engine = Engine.getEngine("PyTorch");
            double seconds = (System.nanoTime() - before) / 1e9;
            checks.add(Check.ok("engine starts", String.format(Locale.ROOT, "in %.1f s", seconds)));
            describe(engine, facts);
            checks.addAll(tryOut());
            checks.add(gpu(engine, flavour()));
            checks.addAll(cards(engine, code(facts)));
        } catch (RuntimeException | LinkageError | AssertionError e) {
            checks.add(Check.failed("engine starts", chain(e), "see docs/troubleshooting.md"));
        }
        return new EngineProbe(new Section("engine", facts), checks);
    }

    /** What is said where the libraries are not fit to be loaded. */
    static EngineProbe notStarted() {
        return new EngineProbe(
                new Section("engine", Map.of("state", "not started, see the check of its native libraries")),
                List.of(quiet()));
    }

    /** What libtorch is built for; DJL's own guess names what would fit the GPUs that are visible. */
    private static String flavour() {
        String told = Utils.getEnvOrSystemProperty("PYTORCH_FLAVOR");
        return told == null ? Platform.detectPlatform("pytorch").getFlavor() : told;
    }

    private static void describe(Engine engine, Map<String, String> facts) {
        facts.put("pytorch", engine.getVersion());
        facts.put("flavour", flavour());
        facts.put("native library", libraryFolder());
        facts.put(
                "devices",
                Arrays.stream(engine.getDevices()).map(EngineProbe::name).collect(Collectors.joining(", ")));
        facts.put("gpus", String.valueOf(engine.getGpuCount()));
        for (int i = 0; i < engine.getGpuCount(); i++) {
            facts.put(
                    "gpu " + i,
                    "compute capability " + CudaUtils.getComputeCapability(i) + ", "
                            + Sizes.text(CudaUtils.getGpuMemory(Device.gpu(i)).getMax()));
        }
        facts.put("threads", threads());
        Processor processor = Processor.read();
        facts.put("cpu capability", processor.capability());
        facts.put("blas", processor.blas());
    }

    private static String name(Device device) {
        return device.isGpu() ? device.getDeviceType() + device.getDeviceId() : device.getDeviceType();
    }

    private static Check quiet() {
        boolean silent =
                Boolean.parseBoolean(Utils.getEnvOrSystemProperty("OPT_OUT_TRACKING")) || Utils.isOfflineMode();
        return silent
                ? Check.ok("telemetry is off", "DJL does not report its use")
                : Check.warning("telemetry is off", "DJL reports its use on some clouds", "set OPT_OUT_TRACKING=true");
    }

    private static String threads() {
        String set = System.getProperty("ai.djl.pytorch.num_threads");
        if (set != null) {
            return set + " (ai.djl.pytorch.num_threads)";
        }
        String openMp = System.getenv("OMP_NUM_THREADS");
        return openMp != null ? openMp + " (OMP_NUM_THREADS)" : "default, one per core";
    }

    /** Where the process has loaded libtorch from; falls back to where DJL unpacks it. */
    private static String libraryFolder() {
        try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
            Optional<String> library = maps.filter(line -> line.endsWith("/libtorch_cpu.so"))
                    .map(line -> line.substring(line.indexOf('/'), line.lastIndexOf('/')))
                    .findFirst();
            if (library.isPresent()) {
                return library.get();
            }
        } catch (IOException e) {
            // not Linux: the next line is the best guess
        }
        return Utils.getEngineCacheDir("pytorch").toString();
    }

    /** Small whole numbers, so that every sum is exact even in bfloat16 and results must be equal. */
    private static List<Check> tryOut() {
        float[] x = new float[ROWS * INNER];
        float[] w = new float[INNER * COLUMNS];
        for (int i = 0; i < x.length; i++) {
            x[i] = i % 4 - 1;
        }
        for (int i = 0; i < w.length; i++) {
            w[i] = i % 5 - 2;
        }
        float[] expected = product(x, w);
        List<Check> checks = new ArrayList<>();
        try (GradMode off = GradMode.off();
                NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            NDArray left = manager.create(x, new Shape(ROWS, INNER)); // (3, 5)
            NDArray right = manager.create(w, new Shape(INNER, COLUMNS)); // (5, 7)
            checks.add(same("matrix product", left.matMul(right), expected));
            ScriptFunction script = ScriptFunction.of(EngineProbe.class, "probe.py", "product");
            checks.add(same("TorchScript product", script.bind("bf16", false).callForOne(left, right), expected));
            checks.add(same("bfloat16 product", script.bind("bf16", true).callForOne(left, right), expected));
        }
        return checks;
    }

    private static Check same(String name, NDArray result, float[] expected) {
        return Arrays.equals(result.toFloatArray(), expected)
                ? Check.ok(name, "exact")
                : Check.failed(
                        name,
                        "is " + Arrays.toString(result.toFloatArray()) + " but should be " + Arrays.toString(expected),
                        "this libtorch computes wrongly on this processor; try ATEN_CPU_CAPABILITY=default");
    }

    private static float[] product(float[] x, float[] w) {
        float[] y = new float[ROWS * COLUMNS];
        for (int i = 0; i < ROWS; i++) {
            for (int j = 0; j < COLUMNS; j++) {
                for (int k = 0; k < INNER; k++) {
                    y[i * COLUMNS + j] += x[i * INNER + k] * w[k * COLUMNS + j];
                }
            }
        }
        return y;
    }

    private static Check gpu(Engine engine, String flavour) {
        int gpus = engine.getGpuCount();
        boolean driver = Files.exists(NVIDIA);
        if (flavour.startsWith("cu")) {
            return gpus > 0
                    ? Check.ok("GPU can be used", gpus + " with " + flavour)
                    : Check.warning(
                            "GPU can be used",
                            "libtorch is built for " + flavour + " but sees no GPU" + hidden(),
                            "check nvidia-smi, the driver's version and CUDA_VISIBLE_DEVICES; without a GPU all"
                                    + " commands run on the CPU");
        }
        return driver
                ? Check.warning(
                        "GPU can be used",
                        "an NVIDIA driver is loaded but libtorch is built for " + flavour,
                        "start with MASKALIGN_PROFILE=cuda, or cuda124")
                : Check.ok("GPU can be used", "none here, none needed");
    }

    /** Reads which cards the loaded libtorch has code for, and notes it among the facts. */
    private static Optional<CudaCode> code(Map<String, String> facts) {
        try {
            Optional<CudaCode> code = CudaCode.inFolder(Path.of(libraryFolder()));
            code.ifPresent(found -> facts.put("code for gpus", "compute capability " + found.words()));
            return code;
        } catch (IOException e) {
            facts.put("code for gpus", "not known: " + e.getMessage());
            return Optional.empty();
        }
    }

    private static List<Check> cards(Engine engine, Optional<CudaCode> code) {
        List<Check> checks = new ArrayList<>();
        for (int i = 0; code.isPresent() && i < engine.getGpuCount(); i++) {
            checks.add(card(i, CudaUtils.getComputeCapability(i), code.get()));
        }
        return checks;
    }

    /** @param capability as DJL writes it, such as 86 */
    static Check card(int number, String capability, CudaCode code) {
        String name = "code for gpu " + number;
        if (!capability.matches("\\d{2,3}")) {
            return Check.warning(
                    name, "compute capability '" + capability + "' is not understood", "see the facts above");
        }
        int found = Integer.parseInt(capability);
        return code.runsOn(found)
                ? Check.ok(name, "compute capability " + CudaCode.dotted(found))
                : Check.failed(
                        name,
                        "it has compute capability " + CudaCode.dotted(found) + " but this libtorch has code for "
                                + code.words(),
                        "for a newer card see docs/troubleshooting.md, \"A card that is too new\"");
    }

    private static String hidden() {
        String visible = System.getenv("CUDA_VISIBLE_DEVICES");
        return visible == null ? "" : "; CUDA_VISIBLE_DEVICES is '" + visible + "'";
    }

    private static String chain(Throwable error) {
        StringBuilder text = new StringBuilder(error.toString());
        for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
            text.append("; because of ").append(cause);
        }
        return text.toString();
    }
}
