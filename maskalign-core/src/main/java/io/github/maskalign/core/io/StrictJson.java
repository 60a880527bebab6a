package io.github.maskalign.core.io;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Reads JSON from an untrusted file by a known grammar: RFC 8259 to the letter, no duplicate keys, no fractions, no
 * unpaired surrogates. It descends only where the caller expects an object or array, so nesting is bounded by the
 * caller, and keeps nothing that the caller does not.
 */
final class StrictJson {
    private final Path file;
    private final JsonReader reader;

    /** Reads one key's value. */
    @FunctionalInterface
    interface Field {
        void read(String key) throws IOException;
    }

    /** Reads one element. */
    @FunctionalInterface
    interface Element {
        void read() throws IOException;
    }

    private StrictJson(Path file, JsonReader reader) {
        this.file = file;
        this.reader = reader;
    }

    /** Reads exactly one JSON object from UTF-8 bytes, with white space around it allowed. */
    static void readObject(Path file, ByteBuffer utf8, String what, Body body) throws CheckpointFormatException {
        CharBuffer text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(utf8);
        } catch (CharacterCodingException e) {
            throw new CheckpointFormatException(file, what + " must be UTF-8 text", e);
        }
        if (text.length() > 0 && text.charAt(0) == '\ufeff') { // the reader would skip it
            throw new CheckpointFormatException(file, what + " must not start with a byte order mark");
        }
        try (JsonReader reader = new JsonReader(new StringReader(text.toString()))) {
            reader.setStrictness(Strictness.STRICT);
            StrictJson json = new StrictJson(file, reader);
            body.read(json);
            json.expect(JsonToken.END_DOCUMENT, what);
        } catch (CheckpointFormatException e) {
            throw e;
        } catch (IOException | IllegalStateException | NumberFormatException e) {
            throw new CheckpointFormatException(file, what + " is not valid JSON: " + e.getMessage(), e);
        }
    }

    /** What to read from a document. */
    @FunctionalInterface
    interface Body {
        void read(StrictJson json) throws IOException;
    }

    Path file() {
        return file;
    }

    void object(String where, int maxKeys, Field field) throws IOException {
        expect(JsonToken.BEGIN_OBJECT, where);
        reader.beginObject();
        Set<String> seen = new HashSet<>();
        while (reader.hasNext()) {
            String key = wellFormed(reader.nextName(), where);
            if (!seen.add(key)) {
                throw problem(where + " has the key " + quote(key) + " twice");
            }
            if (seen.size() > maxKeys) {
                throw problem(where + " must have at most " + maxKeys + " keys");
            }
            field.read(key);
        }
        reader.endObject();
    }

    void array(String where, Element element) throws IOException {
        expect(JsonToken.BEGIN_ARRAY, where);
        reader.beginArray();
        while (reader.hasNext()) {
            element.read();
        }
        reader.endArray();
    }

    String string(String where) throws IOException {
        expect(JsonToken.STRING, where);
        return wellFormed(reader.nextString(), where);
    }

    Map<String, String> strings(String where, int maxKeys) throws IOException {
        Map<String, String> out = new LinkedHashMap<>();
        object(where, maxKeys, key -> out.put(key, string(where + " " + quote(key))));
        return out;
    }

    /** Reads a text, a number as it is written, or a boolean. */
    String scalar(String where) throws IOException {
        return switch (reader.peek()) {
            case NUMBER -> reader.nextString();
            case BOOLEAN -> Boolean.toString(reader.nextBoolean());
            default -> string(where);
        };
    }

    /** Reads a whole number from 0 to 2^63 - 1, written in digits only. */
    long count(String where) throws IOException {
        expect(JsonToken.NUMBER, where);
        String digits = reader.nextString();
        if (digits.length() <= 19 && digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
            try {
                return Long.parseLong(digits);
            } catch (NumberFormatException e) { // 19 digits, and more than a long holds
                throw notACount(where, digits);
            }
        }
        throw notACount(where, digits);
    }

    CheckpointFormatException problem(String text) {
        return new CheckpointFormatException(file, text);
    }

    private CheckpointFormatException notACount(String where, String found) {
        return problem(where + " must be a whole number from 0 to 2^63 - 1 but was " + shorten(found));
    }

    private void expect(JsonToken token, String where) throws IOException {
        JsonToken found = reader.peek();
        if (found != token) {
            throw problem(where + " must be " + word(token) + " but is " + word(found));
        }
    }

    private String wellFormed(String text, String where) throws CheckpointFormatException {
        if (!isWellFormed(text)) {
            throw problem(where + " has a text with half a surrogate pair: " + quote(text));
        }
        return text;
    }

    static boolean isWellFormed(String text) {
        return text.chars().noneMatch(c -> Character.isSurrogate((char) c))
                || StandardCharsets.UTF_8.newEncoder().canEncode(text);
    }

    private static String word(JsonToken token) {
        return switch (token) {
            case BEGIN_OBJECT -> "an object";
            case BEGIN_ARRAY -> "an array";
            case STRING -> "a string";
            case NUMBER -> "a number";
            case BOOLEAN -> "a boolean";
            case NULL -> "null";
            case END_DOCUMENT -> "the end of the text";
            default -> token.toString();
        };
    }

    /** Returns a text for a message: in quotes, at most 100 characters, nothing invisible. */
    static String quote(String text) {
        StringBuilder out = new StringBuilder("\"");
        shorten(text).chars().forEach(c -> {
            if (Character.isISOControl(c) || Character.isSurrogate((char) c)) {
                out.append(String.format(Locale.ROOT, "\\u%04x", c));
            } else {
                out.append((char) c);
            }
        });
        return out.append('"').toString();
    }

    /** Appends a JSON string with the fewest escapes. */
    static void append(StringBuilder out, String text) {
        out.append('"');
        text.chars().forEach(c -> {
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\b' -> out.append("\\b");
                case '\f' -> out.append("\\f");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                default -> {
                    if (c < 0x20) {
                        out.append(String.format(Locale.ROOT, "\\u%04x", c));
                    } else {
                        out.append((char) c);
                    }
                }
            }
        });
        out.append('"');
    }

    private static String shorten(String text) {
        return text.length() <= 100 ? text : text.substring(0, 100) + "…";
    }
}
