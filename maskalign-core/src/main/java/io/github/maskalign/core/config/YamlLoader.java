package io.github.maskalign.core.config;

import io.github.maskalign.core.config.YamlNode.Found;
import io.github.maskalign.core.config.YamlNode.Place;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.common.SpecVersion;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.DocumentStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.NodeEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.ReaderException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.scanner.StreamReader;

/**
 * Builds the tree of a document from the parser's events. Events, because there depth, tags, anchors and repeated
 * keys can be refused before anything is built from them.
 */
final class YamlLoader {
    static final int MAX_CODE_POINTS = 1 << 20;
    static final int MAX_DEPTH = 20;

    /** Ends the loading of a document whose rest makes no sense. */
    private static final class Stop extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Stop() {
            super(null, null, false, false);
        }
    }

    private final String text;
    private final String source;
    private final boolean isFile;
    private final Problems problems;
    private Iterator<Event> events = List.<Event>of().iterator();
    private Place last;

    private YamlLoader(String text, String source, boolean isFile, Problems problems) {
        this.text = text;
        this.source = source;
        this.isFile = isFile;
        this.problems = problems;
        this.last = isFile ? new Place(source, 1, 1) : Place.of(source);
    }

    /** Loads a config file; its nodes know their line and column. */
    static YamlNode file(String text, String source, Problems problems) {
        return new YamlLoader(text, source, true, problems).load();
    }

    /** Loads one value: a scalar, or a list or mapping in brackets. */
    static YamlNode value(String text, String source, Problems problems) {
        return new YamlLoader(text, source, false, problems).load();
    }

    private YamlNode load() {
        Place start = last;
        try {
            if (text.startsWith("\uFEFF")) {
                throw stop(start, "must not begin with a byte order mark: save it as plain UTF-8");
            }
            if (text.codePointCount(0, text.length()) > MAX_CODE_POINTS) {
                throw stop(start, "must be at most " + MAX_CODE_POINTS + " characters long");
            }
            LoadSettings settings = LoadSettings.builder()
                    .setLabel(source)
                    .setParseComments(!isFile)
                    .setCodePointLimit(MAX_CODE_POINTS)
                    .build();
            events = new ParserImpl(settings, new StreamReader(settings, text));
            return document(start);
        } catch (Stop e) {
            return new YamlNode.Broken(start);
        } catch (MarkedYamlEngineException e) {
            problems.add(e.getProblemMark().map(this::place).orElse(start), "", "is not valid YAML: " + reason(e));
        } catch (ReaderException e) {
            String code = String.format(Locale.ROOT, "U+%04X", e.getCodePoint());
            problems.add(offset(e.getPosition()), "", "is not valid YAML: the character " + code + " is not allowed");
        } catch (YamlEngineException e) {
            problems.add(start, "", "is not valid YAML: " + oneLine(String.valueOf(e.getMessage())));
        }
        return new YamlNode.Broken(start);
    }

    private YamlNode document(Place start) {
        YamlNode root = YamlNode.Scalar.plain(start, "");
        boolean seen = false;
        for (Event event = next(); event.getEventId() != Event.ID.StreamEnd; event = next()) {
            switch (event.getEventId()) {
                case StreamStart, DocumentEnd -> {}
                case DocumentStart -> {
                    if (seen) {
                        throw stop(place(event), "must be one YAML document but a second one begins here");
                    }
                    seen = true;
                    checkDirectives((DocumentStartEvent) event);
                }
                default -> {
                    root = node(event, "", 1);
                    if (!isFile && event instanceof CollectionStartEvent collection && !collection.isFlow()) {
                        throw stop(start, "takes a single value, or a list or mapping in brackets");
                    }
                }
            }
        }
        return root;
    }

    /** The next event. The parser lets some faults of broken escapes through as exceptions of Java's own. */
    private Event next() {
        try {
            Event event = events.next();
            last = place(event);
            return event;
        } catch (YamlEngineException e) {
            throw e;
        } catch (RuntimeException e) {
            throw stop(last, "is not valid YAML after this place: " + oneLine(String.valueOf(e.getMessage())));
        }
    }

    private void checkDirectives(DocumentStartEvent event) {
        Optional<SpecVersion> version = event.getSpecVersion();
        if (version.isPresent()
                && (version.get().getMajor() != 1 || version.get().getMinor() != 2)) {
            throw stop(
                    place(event),
                    "must be YAML 1.2 but declares " + version.get().getMajor() + "."
                            + version.get().getMinor());
        }
    }

    private YamlNode node(Event event, String path, int depth) {
        Place place = place(event);
        switch (event.getEventId()) {
            case Alias -> {
                problems.add(place, path, "must be written out: aliases (*) are not allowed");
                return new YamlNode.Broken(place);
            }
            case Comment ->
                // Only in overrides, where the shell's user did not mean one.
                throw stop(place, "must not hold a comment: put quotes around a value with #");
            case Scalar -> {
                ScalarEvent scalar = (ScalarEvent) event;
                boolean intact = check(scalar, scalar.getTag(), place, path);
                if (!YamlText.isWellFormed(scalar.getValue())) {
                    problems.add(place, path, "must not hold half of a surrogate pair");
                    intact = false;
                }
                if (!intact) {
                    return new YamlNode.Broken(place);
                }
                return scalar.isPlain()
                        ? YamlNode.Scalar.plain(place, scalar.getValue())
                        : YamlNode.Scalar.string(place, scalar.getValue());
            }
            case SequenceStart, MappingStart -> {
                if (depth > MAX_DEPTH) {
                    throw stop(place, "must not be nested deeper than " + MAX_DEPTH + " levels");
                }
                CollectionStartEvent collection = (CollectionStartEvent) event;
                boolean intact = check(collection, collection.getTag(), place, path);
                YamlNode node = event.getEventId() == Event.ID.SequenceStart
                        ? sequence(place, path, depth)
                        : mapping(place, path, depth);
                return intact ? node : new YamlNode.Broken(place);
            }
            default -> throw new IllegalStateException("unexpected " + event);
        }
    }

    private YamlNode sequence(Place place, String path, int depth) {
        List<YamlNode> items = new ArrayList<>();
        for (Event event = next(); event.getEventId() != Event.ID.SequenceEnd; event = next()) {
            items.add(node(event, path + "[" + items.size() + "]", depth + 1));
        }
        return new YamlNode.Sequence(place, items);
    }

    private YamlNode mapping(Place place, String path, int depth) {
        List<YamlNode.Entry> entries = new ArrayList<>();
        Map<String, Place> seen = new HashMap<>();
        for (Event event = next(); event.getEventId() != Event.ID.MappingEnd; event = next()) {
            YamlNode key = node(event, path, depth + 1);
            if (!(key instanceof YamlNode.Scalar scalar)) {
                if (!(key instanceof YamlNode.Broken)) {
                    problems.add(key.place(), path, "must have plain words as keys but one is " + Found.describe(key));
                }
                node(next(), path, depth + 1);
                problems.addFailure();
                continue;
            }
            String keyPath = Problems.join(path, Found.shorten(scalar.text()));
            YamlNode value = node(next(), keyPath, depth + 1);
            Place first = seen.putIfAbsent(scalar.text(), key.place());
            if (first == null) {
                entries.add(new YamlNode.Entry(key.place(), scalar.text(), value));
            } else {
                String where = first.line() == 0 ? "" : ", first in line " + first.line();
                problems.add(key.place(), keyPath, "must be given once but is given twice" + where);
            }
        }
        return new YamlNode.Mapping(place, entries);
    }

    private boolean check(NodeEvent event, Optional<String> tag, Place place, String path) {
        if (tag.isPresent()) {
            problems.add(place, path, "must have no tag but has " + Found.shorten(tag.get()));
        }
        if (event.getAnchor().isPresent()) {
            String name = Found.shorten(event.getAnchor().get().getValue());
            problems.add(place, path, "must have no anchor but has &" + name);
        }
        return tag.isEmpty() && event.getAnchor().isEmpty();
    }

    private Stop stop(Place place, String rest) {
        problems.add(place, "", rest);
        return new Stop();
    }

    private Place place(Event event) {
        return event.getStartMark().map(this::place).orElse(Place.of(source));
    }

    private Place place(Mark mark) {
        return isFile ? new Place(source, mark.getLine() + 1, mark.getColumn() + 1) : Place.of(source);
    }

    /** The place of a code point. */
    private Place offset(int codePoints) {
        if (!isFile) {
            return Place.of(source);
        }
        int[] before = text.codePoints().limit(codePoints).toArray();
        int line = 1;
        int column = 1;
        for (int c : before) {
            column = c == '\n' ? 1 : column + 1;
            line = c == '\n' ? line + 1 : line;
        }
        return new Place(source, line, column);
    }

    private static String reason(MarkedYamlEngineException e) {
        String context = e.getContext();
        String problem = oneLine(String.valueOf(e.getProblem()));
        return context == null ? problem : oneLine(context) + ", " + problem;
    }

    private static String oneLine(String message) {
        return message.strip().replaceAll("\\s+", " ");
    }

    /** Writes strings as YAML scalars on one line. */
    static final class YamlText {
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
}
