package io.github.maskalign.core.engine.internal;

import ai.djl.engine.EngineException;
import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.Platform;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The processor, and which kernels the engine and its mathematics library take on it. Kernels of another width, or of
 * another library, round otherwise: the same bits can be expected only where all three are the same.
 *
 * @param model the processor's name, or {@value #UNKNOWN}
 * @param capability kernels of the engine: {@code avx512}, {@code avx2}, {@code default} (neither) or another word of its;
 *     or {@value #UNKNOWN}. {@code ATEN_CPU_CAPABILITY} in the environment asks for less than the processor has
 * @param blas matrix products and elementary functions, such as {@code MKL 2022.2, AVX2 kernels}; or {@value #UNKNOWN}.
 *     On processors of other makers than Intel MKL takes {@code generic kernels}. {@code MKL_ENABLE_INSTRUCTIONS} asks
 *     for less
 */
public record Processor(String model, String capability, String blas) {
    /** What stands where the system or the engine does not tell. */
    public static final String UNKNOWN = "unknown";

    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
    private static final Pattern MKL_VERSION = Pattern.compile("Version (\\S+?)-");
    private static final int STRING_BYTES = 32; // of a std::string: pointer, length, room for short texts

    /** Asks system and engine, which loads the engine. */
    public static Processor read() {
        try {
            EngineSettings engine = EngineSettings.open();
            return new Processor(readModel(), capability(engine), blas(engine));
        } catch (EngineException e) { // natives of other systems export less
            return new Processor(readModel(), UNKNOWN, UNKNOWN);
        }
    }

    /** Returns the processor's name, or {@value #UNKNOWN}; asks the system alone. */
    public static String readModel() {
        try (Stream<String> lines = Files.lines(CPU_INFO, StandardCharsets.UTF_8)) {
            return model(lines);
        } catch (IOException | UncheckedIOException e) {
            return UNKNOWN; // not Linux
        }
    }

    /** Finds the first {@code model name: ...} among the lines of {@code /proc/cpuinfo}. */
    static String model(Stream<String> lines) {
        return lines.filter(line -> line.startsWith("model name"))
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .findFirst()
                .orElse(UNKNOWN);
    }

    /** Calls {@code std::string at::get_cpu_capability()}, whose result the caller has room for. */
    private static String capability(EngineSettings engine) {
        Optional<Function> function = engine.function("_ZN2at18get_cpu_capabilityB5cxx11Ev");
        if (function.isEmpty() || !isX86()) { // elsewhere the room for a result is named in another way
            return UNKNOWN;
        }
        Memory text = new Memory(STRING_BYTES); // its texts are short: nothing else is allocated
        function.get().invokePointer(new Object[] {text});
        Pointer characters = text.getPointer(0);
        int length = Math.toIntExact(text.getLong(Long.BYTES));
        return capability(new String(characters.getByteArray(0, length), StandardCharsets.US_ASCII));
    }

    /** Returns the word by which {@code ATEN_CPU_CAPABILITY} knows what the engine says. */
    static String capability(String word) {
        return word.equals("NO AVX") ? "default" : word.toLowerCase(Locale.ROOT);
    }

    private static String blas(EngineSettings engine) {
        Optional<Function> version = engine.function("MKL_Get_Version_String");
        Optional<Function> kernels = engine.function("mkl_serv_cpu_detect");
        if (version.isEmpty() || !isX86()) {
            return UNKNOWN;
        }
        Memory text = new Memory(256);
        text.clear();
        version.get().invokeVoid(new Object[] {text, (int) text.size()});
        return blas(text.getString(0), kernels.map(detect -> detect.invokeInt(new Object[0])));
    }

    /** Shortens MKL's description of itself and names its kernels. */
    static String blas(String description, Optional<Integer> kernels) {
        Matcher version = MKL_VERSION.matcher(description);
        String library = version.find() ? "MKL " + version.group(1) : description.strip();
        return library + ", " + kernels.map(Processor::kernels).orElse(UNKNOWN) + " kernels";
    }

    /** The numbers are MKL's own; found by asking for each with {@code MKL_ENABLE_INSTRUCTIONS}. */
    private static String kernels(int number) {
        return switch (number) {
            case 0 -> "generic";
            case 3 -> "SSE4.2";
            case 4 -> "AVX";
            case 5 -> "AVX2";
            case 7 -> "AVX-512";
            default -> "number " + number;
        };
    }

    private static boolean isX86() {
        return Platform.isIntel() && Platform.is64Bit() && Platform.isLinux();
    }
}
