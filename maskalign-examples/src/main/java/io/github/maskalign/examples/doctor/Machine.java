package io.github.maskalign.examples.doctor;

import com.sun.management.OperatingSystemMXBean;
import io.github.maskalign.core.engine.Processor;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The computer and the Java runtime.
 *
 * @param cpu the processor's instructions
 * @param cores processors this process may use
 * @param memoryBytes memory this process may use, within a container its limit
 * @param freeMemoryBytes memory that is free or can be freed
 */
record Machine(CpuInfo cpu, int cores, long memoryBytes, long freeMemoryBytes) {
    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
    private static final Path MEMORY_INFO = Path.of("/proc/meminfo");

    static Machine read() {
        long total = 0;
        long free = 0;
        if (ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system) {
            total = system.getTotalMemorySize();
            free = Math.min(total, Math.max(system.getFreeMemorySize(), availableBytes(text(MEMORY_INFO))));
        }
        return new Machine(CpuInfo.parse(text(CPU_INFO)), Runtime.getRuntime().availableProcessors(), total, free);
    }

    Section section() {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put(
                "operating system",
                System.getProperty("os.name") + " " + System.getProperty("os.version") + " "
                        + System.getProperty("os.arch"));
        facts.put("processor", Processor.readModel());
        facts.put("cores", String.valueOf(cores));
        facts.put("instructions", String.join(" ", cpu.notable()));
        facts.put("avx512", cpu.hasAvx512() ? "yes" : "no");
        facts.put("bf16", cpu.hasBf16() ? "yes" : "no: bf16 works, slowly");
        facts.put("memory", Sizes.text(memoryBytes) + ", " + Sizes.text(freeMemoryBytes) + " free");
        facts.put(
                "java",
                System.getProperty("java.version") + " (" + System.getProperty("java.vm.name") + ", "
                        + System.getProperty("java.vendor") + ")");
        facts.put("java heap", Sizes.text(Runtime.getRuntime().maxMemory()) + " at most");
        return new Section("machine", facts);
    }

    /** Reads {@code MemAvailable}, which counts the page cache, from the text of {@code /proc/meminfo}. */
    static long availableBytes(String memoryInfo) {
        return memoryInfo
                .lines()
                .filter(line -> line.matches("MemAvailable:\\s+\\d+ kB"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
                .findFirst()
                .orElse(0);
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return ""; // not Linux
        }
    }
}
