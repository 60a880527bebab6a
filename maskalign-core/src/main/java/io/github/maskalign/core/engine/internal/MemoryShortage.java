package io.github.maskalign.core.engine.internal;

import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * That memory was asked for and not there, as the engine or Java says it.
 *
 * @param place which memory
 * @param asked bytes of the request that failed, if they are known
 * @param words the line that says so
 */
public record MemoryShortage(Place place, OptionalLong asked, String words) {
    private static final Pattern DEVICE = Pattern.compile(
            "CUDA out of memory|CUDA error: out of memory|HIP out of memory|(CUBLAS|CUDNN|CUSOLVER)_STATUS_ALLOC_FAILED");
    private static final Pattern HOST =
            Pattern.compile("DefaultCPUAllocator: (can't allocate|not enough) memory|std::bad_alloc|bad allocation");
    private static final Pattern ASKED =
            Pattern.compile("[Tt]ried to allocate ([0-9]+(?:\\.[0-9]+)?) ?(bytes|KiB|MiB|GiB|TiB|KB|MB|GB)");
    private static final Pattern RESERVE =
            Pattern.compile("Cannot reserve ([0-9]{1,18}) bytes of direct buffer memory");

    /** Kinds of memory, each with a limit of its own. */
    public enum Place {
        /** Memory of the accelerator. */
        DEVICE("the GPU's memory"),
        /** Memory of the machine, outside Java. */
        HOST("the machine's memory"),
        /** Java objects; limited by {@code -Xmx}. */
        JAVA_HEAP("the Java heap"),
        /** Direct buffers of Java; limited by {@code -XX:MaxDirectMemorySize}. */
        JAVA_DIRECT("Java's direct memory");

        private final String words;

        Place(String words) {
            this.words = words;
        }

        /** Returns what a person calls it. */
        public String words() {
            return words;
        }
    }

    /** Finds out whether an exception, or what caused it, tells of a shortage of memory. */
    public static Optional<MemoryShortage> in(Throwable failure) {
        int depth = 0;
        for (Throwable at = failure; at != null && depth < 32; at = at.getCause(), depth++) {
            Optional<MemoryShortage> found = at instanceof OutOfMemoryError ? ofJava(at) : ofText(message(at));
            if (found.isPresent()) {
                return found;
            }
        }
        return Optional.empty();
    }

    private static Optional<MemoryShortage> ofJava(Throwable error) {
        String text = message(error);
        boolean direct = text.contains("direct buffer memory") || text.contains("Direct buffer memory");
        Matcher reserve = RESERVE.matcher(text);
        return Optional.of(new MemoryShortage(
                direct ? Place.JAVA_DIRECT : text.contains("native thread") ? Place.HOST : Place.JAVA_HEAP,
                reserve.find() ? OptionalLong.of(Long.parseLong(reserve.group(1))) : OptionalLong.empty(),
                text));
    }

    private static Optional<MemoryShortage> ofText(String text) {
        for (String line : (Iterable<String>) text.lines()::iterator) {
            boolean device = DEVICE.matcher(line).find();
            if (device || HOST.matcher(line).find()) {
                return Optional.of(new MemoryShortage(device ? Place.DEVICE : Place.HOST, asked(line), line.strip()));
            }
        }
        return Optional.empty();
    }

    private static OptionalLong asked(String line) {
        Matcher asked = ASKED.matcher(line);
        if (!asked.find()) {
            return OptionalLong.empty();
        }
        double unit = switch (asked.group(2)) {
            case "KiB" -> 0x1p10;
            case "MiB" -> 0x1p20;
            case "GiB" -> 0x1p30;
            case "TiB" -> 0x1p40;
            case "KB" -> 1e3;
            case "MB" -> 1e6;
            case "GB" -> 1e9;
            default -> 1;
        };
        return OptionalLong.of((long) (Double.parseDouble(asked.group(1)) * unit));
    }

    /** Returns a number of bytes for people: {@code 2.0 GB}, in powers of ten. */
    public static String text(long bytes) {
        if (bytes < 1_000_000) {
            return bytes + " bytes";
        }
        return bytes < 1_000_000_000L
                ? String.format(Locale.ROOT, "%.1f MB", bytes * 1e-6)
                : String.format(Locale.ROOT, "%.1f GB", bytes * 1e-9);
    }

    private static String message(Throwable error) {
        return error.getMessage() == null ? "" : error.getMessage();
    }
}
