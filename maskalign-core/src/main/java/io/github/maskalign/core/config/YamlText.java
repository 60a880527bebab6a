package io.github.maskalign.core.config;

import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/** Writes strings as YAML scalars on one line. */
final class YamlText {
    /** Text that is a string without quotes in every version of YAML, in flow and in block context. */
    private static final Pattern NEEDS_NO_QUOTES = Pattern.compile("[A-Za-z_/][A-Za-z0-9_./+-]*");

    /** Words that some version of YAML reads as something else. */
    private static final Set<String> OTHER_MEANING =
            Set.of("null", "true", "false", "yes", "no", "on", "off", "y", "n");

    private YamlText() {}

    /** The string, in double quotes where it needs them. */
    static String of(String text) {
        if (NEEDS_NO_QUOTES.matcher(text).matches() && !OTHER_MEANING.contains(text.toLowerCase(Locale.ROOT))) {
            return text;
        }
        StringBuilder quoted = new StringBuilder("\"");
        text.codePoints().forEach(c -> appendEscaped(quoted, c));
        return quoted.append('"').toString();
    }

    /** Whether UTF-8 can hold the text: no half of a surrogate pair stands alone. */
    static boolean isWellFormed(String text) {
        return text.codePoints().noneMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE);
    }

    /** Appends a code point as it stands between double quotes. */
    static void appendEscaped(StringBuilder out, int c) {
        switch (c) {
            case '"' -> out.append("\\\"");
            case '\\' -> out.append("\\\\");
            case '\n' -> out.append("\\n");
            case '\r' -> out.append("\\r");
            case '\t' -> out.append("\\t");
            default -> {
                if (isVisible(c)) {
                    out.appendCodePoint(c);
                } else if (c <= 0xFF) {
                    out.append(String.format(Locale.ROOT, "\\x%02x", c));
                } else if (c <= 0xFFFF) {
                    out.append(String.format(Locale.ROOT, "\\u%04x", c));
                } else {
                    out.append(String.format(Locale.ROOT, "\\U%08x", c));
                }
            }
        }
    }

    /**
     * Whether a character may stand in a file as it is: printable in YAML, and nothing that an editor hides. The
     * ranges are fixed, so that the text does not depend on the Unicode version of the Java in use.
     */
    private static boolean isVisible(int c) {
        if (c < 0x7F) {
            return c >= 0x20;
        }
        boolean hidden = c <= 0xA0
                || c == 0xAD
                || c >= 0x2000 && c <= 0x200F // spaces and marks of direction
                || c >= 0x2028 && c <= 0x202F // line separators, embedded directions
                || c >= 0x205F && c <= 0x206F
                || c == 0x3000
                || c >= 0xD800 && c <= 0xF8FF // surrogates, private use
                || c >= 0xFDD0 && c <= 0xFDEF
                || c >= 0xFE00 && c <= 0xFE0F // variation selectors
                || c == 0xFEFF
                || c >= 0xFFF0 && c <= 0xFFFF
                || c >= 0xE0000;
        return !hidden;
    }
}
