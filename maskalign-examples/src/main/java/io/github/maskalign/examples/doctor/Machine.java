package io.github.maskalign.examples.doctor;

import com.sun.management.OperatingSystemMXBean;
import io.github.maskalign.core.engine.internal.Processor;
import io.github.maskalign.examples.doctor.Diagnosis.Section;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

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

    /**
     * What Linux tells about the processor's instructions.
     *
     * @param flags names of the instruction sets and features
     */
    record CpuInfo(Set<String> flags) {
        /** Instruction sets that decide how fast matrix products are, as Linux names them. */
        private static final List<String> NOTABLE = List.of(
                "avx2",
                "fma",
                "avx512f",
                "avx512_vnni",
                "avx512_bf16",
                "avx512_fp16",
                "amx_bf16",
                "asimd",
                "sve",
                "bf16");

        /** Copies the flags. */
        CpuInfo {
            flags = Set.copyOf(flags);
        }

        /** Reads the text of {@code /proc/cpuinfo}, of which only the first processor counts. */
        static CpuInfo parse(String text) {
            Set<String> flags = Set.of();
            for (String line : text.lines().takeWhile(line -> !line.isBlank()).toList()) {
                int colon = line.indexOf(':');
                if (colon < 0) {
                    continue;
                }
                String value = line.substring(colon + 1).strip();
                String key = line.substring(0, colon).strip();
                if (key.equals("flags") || key.equals("Features")) { // x86, ARM
                    flags = new HashSet<>(Arrays.asList(value.split("\\s+")));
                }
            }
            return new CpuInfo(flags);
        }

        /** Returns the flags that matter here. */
        List<String> notable() {
            List<String> found = new ArrayList<>(NOTABLE);
            found.retainAll(flags);
            return found;
        }

        /** Tells whether products of bfloat16 numbers have their own instructions. */
        boolean hasBf16() {
            return flags.contains("avx512_bf16") || flags.contains("amx_bf16") || flags.contains("bf16");
        }

        /** Tells whether vectors of 512 bits can be used. */
        boolean hasAvx512() {
            return flags.contains("avx512f");
        }
    }

    /** Sizes for people. */
    static final class Sizes {
        private Sizes() {}

        /** Writes bytes in GiB, or in MiB below one GiB. */
        static String text(long bytes) {
            double mib = bytes / (double) (1 << 20);
            return mib < 1024
                    ? String.format(Locale.ROOT, "%.0f MiB", mib)
                    : String.format(Locale.ROOT, "%.1f GiB", mib / 1024);
        }
    }
}
