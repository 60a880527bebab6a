package io.github.maskalign.core.engine.internal;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What the operating system says about this process: memory of Java and of the engine together.
 *
 * @param residentBytes memory in use now
 * @param peakResidentBytes largest memory in use so far
 * @param threads threads of Java and of the engine
 */
public record ProcessStatus(long residentBytes, long peakResidentBytes, int threads) {
    private static final Path STATUS = Path.of("/proc/self/status");

    /** Reads {@code /proc/self/status}; empty where there is no such file. */
    public static Optional<ProcessStatus> read() {
        try {
            return parse(Files.readString(STATUS, StandardCharsets.UTF_8));
        } catch (IOException e) {
            return Optional.empty(); // not Linux
        }
    }

    /** Reads the lines {@code VmRSS:  123 kB}, {@code VmHWM:} and {@code Threads:}. */
    static Optional<ProcessStatus> parse(String status) {
        Map<String, Long> values = new HashMap<>();
        for (String line : status.split("\n")) {
            String[] words = line.trim().split("\\s+");
            if (words.length >= 2 && words[1].matches("\\d{1,15}")) {
                values.put(words[0], Long.parseLong(words[1]));
            }
        }
        Long resident = values.get("VmRSS:");
        Long peak = values.get("VmHWM:");
        Long threads = values.get("Threads:");
        return resident == null || peak == null || threads == null
                ? Optional.empty()
                : Optional.of(new ProcessStatus(resident * 1024, peak * 1024, Math.toIntExact(threads)));
    }
}
