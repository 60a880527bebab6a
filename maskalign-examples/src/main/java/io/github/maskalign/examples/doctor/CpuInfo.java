package io.github.maskalign.examples.doctor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What Linux tells about the processor's instructions.
 *
 * @param flags names of the instruction sets and features
 */
record CpuInfo(Set<String> flags) {
    /** Instruction sets that decide how fast matrix products are, as Linux names them. */
    private static final List<String> NOTABLE = List.of(
            "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "asimd", "sve", "bf16");

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
