package io.github.maskalign.core.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** A YAML document as a tree. Keys are unique, and there are no tags, anchors or aliases. */
sealed interface YamlNode {
    /** Where the node begins. */
    Place place();

    /** What a scalar is under the JSON schema of YAML 1.2, where text that matches nothing else is a string. */
    enum Kind {
        NULL("null"),
        BOOLEAN("a boolean"),
        INTEGER("an integer"),
        FLOAT("a float"),
        NOT_FINITE("not finite"),
        STRING("a string");

        private static final Pattern INTEGER_TEXT = Pattern.compile("-?(0|[1-9][0-9]*)");
        private static final Pattern FLOAT_TEXT = Pattern.compile("-?(0|[1-9][0-9]*)(\\.[0-9]*)?([eE][-+]?[0-9]+)?");

        private final String words;

        Kind(String words) {
            this.words = words;
        }

        String words() {
            return words;
        }

        private static Kind ofPlain(String text) {
            switch (text) {
                case "", "null":
                    return NULL;
                case "true", "false":
                    return BOOLEAN;
                case ".inf", "-.inf", ".nan":
                    return NOT_FINITE;
                default:
                    if (INTEGER_TEXT.matcher(text).matches()) {
                        return INTEGER;
                    }
                    return FLOAT_TEXT.matcher(text).matches() ? FLOAT : STRING;
            }
        }
    }

    /**
     * A single value.
     *
     * @param text the text without quotes and escapes
     * @param kind what it is
     */
    record Scalar(Place place, String text, Kind kind) implements YamlNode {
        /** A scalar without quotes. */
        static Scalar plain(Place place, String text) {
            return new Scalar(place, text, Kind.ofPlain(text));
        }

        /** A string, whatever it looks like. */
        static Scalar string(Place place, String text) {
            return new Scalar(place, text, Kind.STRING);
        }
    }

    /** A list. */
    record Sequence(Place place, List<YamlNode> items) implements YamlNode {
        public Sequence {
            items = List.copyOf(items);
        }
    }

    /** A mapping with its keys in the order of the document. */
    record Mapping(Place place, List<Entry> entries) implements YamlNode {
        public Mapping {
            entries = List.copyOf(entries);
        }

        /** Returns the value of a key. */
        Optional<YamlNode> get(String key) {
            return entries.stream()
                    .filter(entry -> entry.key().equals(key))
                    .map(Entry::value)
                    .findFirst();
        }

        /** Returns this with one key replaced, or added at the end. */
        Mapping with(Entry replacement) {
            List<Entry> changed = new ArrayList<>(entries);
            changed.replaceAll(entry -> entry.key().equals(replacement.key()) ? replacement : entry);
            if (!changed.contains(replacement)) {
                changed.add(replacement);
            }
            return new Mapping(place, changed);
        }
    }

    /** One key of a mapping, with the place of the key. */
    record Entry(Place place, String key, YamlNode value) {}

    /** Stands for something that was already reported. */
    record Broken(Place place) implements YamlNode {}
}
