package io.github.maskalign.core.files.internal;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What a format demands of its zip files, besides what all must fulfil.
 *
 * @param layout whether anything may stand between the entries
 * @param names encodings of a name that is not marked as UTF-8, the first that fits
 * @param maxNameBytes longest name
 * @param maxEntries number of entries, at least 1
 * @param maxRatio how many bytes one packed byte may become in an entry of more than {@code freeBytes}
 * @param freeBytes size up to which any ratio will do
 * @param maxPackedTotal sum of the unpacked sizes of all packed entries
 * @param settings what messages call the place of these limits, such as {@code NpzLimits}; empty if they are fixed
 */
public record ZipRules(
        Layout layout,
        List<Charset> names,
        int maxNameBytes,
        int maxEntries,
        double maxRatio,
        long freeBytes,
        long maxPackedTotal,
        String settings) {
    /** The encoding of names since DOS, for Windows and older tools; Latin-1 in a Java without it. */
    public static final Charset DOS =
            Charset.isSupported("IBM437") ? Charset.forName("IBM437") : StandardCharsets.ISO_8859_1;

    /** What may stand between the entries of a file. */
    public enum Layout {
        /**
         * Nothing: entries lie side by side from the first byte to the directory, there is no comment, names are of
         * whole parts, and there are no folders.
         */
        SEALED,
        /** Anything that no entry claims; the directory and its end must be whole. */
        LOOSE,
        /** As {@link #LOOSE}; the end may also count entries modulo 65,536, as macOS writes it. */
        ANY
    }

    /** Copies the list. */
    public ZipRules {
        names = List.copyOf(names);
    }

    String setting(String name) {
        return settings.isEmpty() ? "" : " (" + settings + "." + name + ")";
    }
}
