package io.github.maskalign.core.config;

import io.github.maskalign.core.config.ConfigBinder.SetOption;
import io.github.maskalign.core.config.YamlLoader.YamlText;
import java.util.ArrayList;
import java.util.Collection;
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

        /** Returns this without some keys. */
        Mapping without(Collection<String> keys) {
            return new Mapping(
                    place,
                    entries.stream()
                            .filter(entry -> !keys.contains(entry.key()))
                            .toList());
        }

        /** Returns this with what another mapping says, which holds where both speak; sections are joined key by key. */
        Mapping overlaid(Mapping over) {
            Mapping joined = this;
            for (Entry entry : over.entries) {
                joined = joined.with(
                        get(entry.key()).orElse(entry.value()) instanceof Mapping own
                                        && entry.value() instanceof Mapping section
                                ? new Entry(entry.place(), entry.key(), own.overlaid(section))
                                : entry);
            }
            return joined;
        }

        /** Returns this with what another mapping says of keys that are missing here. */
        Mapping filledFrom(Mapping other) {
            Mapping filled = this;
            for (Entry entry : other.entries) {
                Optional<YamlNode> own = get(entry.key());
                if (own.isEmpty()) {
                    filled = filled.with(entry);
                } else if (own.get() instanceof Mapping mine && entry.value() instanceof Mapping section) {
                    filled = filled.with(new Entry(mine.place(), entry.key(), mine.filledFrom(section)));
                }
            }
            return filled;
        }

        /** Returns the paths of all values that are no mappings with keys, in their order. */
        List<String> leaves() {
            List<String> paths = new ArrayList<>();
            for (Entry entry : entries) {
                if (entry.value() instanceof Mapping section && !section.entries.isEmpty()) {
                    section.leaves().forEach(path -> paths.add(Problems.join(entry.key(), path)));
                } else {
                    paths.add(entry.key());
                }
            }
            return paths;
        }
    }

    /** One key of a mapping, with the place of the key. */
    record Entry(Place place, String key, YamlNode value) {}

    /** Stands for something that was already reported. */
    record Broken(Place place) implements YamlNode {}

    /**
     * Where a node was written.
     *
     * @param source file name, or the text of an override
     * @param line from 1; 0 in a source without lines
     * @param column from 1; 0 in a source without lines
     */
    record Place(String source, int line, int column) {
        /** A source without lines. */
        static Place of(String source) {
            return new Place(source, 0, 0);
        }

        /** Whether this is an option of the command line, not a place in the file. */
        boolean isOption() {
            return source.startsWith(SetOption.NAME);
        }

        @Override
        public String toString() {
            return line == 0 ? source : source + ":" + line + ":" + column;
        }
    }

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
}
