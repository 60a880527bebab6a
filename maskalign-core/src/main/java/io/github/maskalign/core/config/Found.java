package io.github.maskalign.core.config;

/** How messages show what was found: on one line, and never at length. */
final class Found {
    private static final int SHOWN = 60;

    private Found() {}

    /** The value, and what kind of value it is where the value does not say so itself. */
    static String describe(YamlNode node) {
        if (node instanceof YamlNode.Scalar scalar) {
            return switch (scalar.kind()) {
                case NULL -> scalar.text().isEmpty() ? "empty" : "null";
                case STRING -> quoted(scalar.text()) + " (a string)";
                case INTEGER, FLOAT, BOOLEAN ->
                    shorten(scalar.text()) + " (" + scalar.kind().words() + ")";
                case NOT_FINITE -> scalar.text();
            };
        }
        if (node instanceof YamlNode.Sequence sequence) {
            return "a list of " + sequence.items().size();
        }
        return "a mapping";
    }

    /** A string in quotes. */
    static String quoted(String text) {
        return '"' + shorten(text) + '"';
    }

    /** At most sixty characters, with anything but visible characters and spaces escaped. */
    static String shorten(String text) {
        StringBuilder shown = new StringBuilder();
        int end = Math.min(text.length(), SHOWN);
        text.codePoints().limit(end).forEach(c -> YamlText.appendEscaped(shown, c));
        if (text.codePointCount(0, text.length()) > end) {
            shown.append("...");
        }
        return shown.toString();
    }
}
