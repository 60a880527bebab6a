package io.github.maskalign.core.files.internal;

import java.util.Locale;

/**
 * Text from a file as it may stand in a message: what would move a cursor, colour a terminal, turn the direction of
 * writing or be invisible is escaped, and nothing is longer than a reader wants.
 */
public final class MessageText {
    private static final int QUOTED = 100;
    private static final int SENTENCE = 2_000;

    private MessageText() {}

    /** Returns a text found in a file: in quotes, at most 100 characters, nothing invisible. */
    public static String quote(String found) {
        return '"' + escaped(cut(found, QUOTED), false) + '"';
    }

    /** Returns a value found in a file: at most 100 characters, nothing invisible. */
    public static String value(String found) {
        return escaped(cut(found, QUOTED), false);
    }

    /** Returns a message of any length with what is invisible escaped, but for line ends. */
    public static String message(String text) {
        return escaped(text, true);
    }

    /** Returns a part of a message: at most 2,000 characters, nothing invisible but line ends. */
    public static String sentence(String text) {
        return escaped(cut(text, SENTENCE), true);
    }

    /** Returns a name of any length with what is invisible escaped. */
    public static String visible(String name) {
        return escaped(name, false);
    }

    static String cut(String text, int most) {
        return text.length() <= most ? text : text.substring(0, most) + "…";
    }

    private static String escaped(String text, boolean lines) {
        StringBuilder out = new StringBuilder(text.length());
        text.codePoints().forEach(c -> {
            if (isVisible(c) || lines && c == '\n') {
                out.appendCodePoint(c);
            } else {
                for (char part : Character.toChars(c)) {
                    out.append(String.format(Locale.ROOT, "\\u%04x", (int) part));
                }
            }
        });
        return out.toString();
    }

    private static boolean isVisible(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR -> false;
            default -> true;
        };
    }
}
