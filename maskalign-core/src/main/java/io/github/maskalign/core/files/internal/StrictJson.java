package io.github.maskalign.core.files.internal;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.ToNumberPolicy;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import io.github.maskalign.core.files.CheckpointFormatException;
import java.io.EOFException;
import java.io.IOException;
import java.io.PushbackReader;
import java.io.Reader;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads JSON from untrusted files: RFC 8259 to the letter, no byte order mark, no key twice, no NaN, no unpaired
 * surrogates, bounded in every direction. All JSON that others wrote is read here.
 *
 * <p>{@link #read} gives a whole document of at most 16 MiB. {@link #stream} is for files of any length whose grammar is
 * known: it descends only where the caller expects an object or array, and keeps nothing that the caller does not.
 * Nesting is at most 64 deep, a text has at most 2<sup>20</sup> characters, a number 1,000, a document 2,000,000
 * values and keys of at most 512 characters. Whatever is wrong is a {@link CheckpointFormatException}.
 */
public final class StrictJson {
    /** The longest document that is read whole, in bytes. */
    public static final long MAX_BYTES = 16L << 20;

    private static final String WHOLE = "the file";
    private static final int MAX_DEPTH = 64;
    private static final int MAX_VALUES = 2_000_000;
    private static final int MAX_KEY = 512;
    private static final Pattern PLACE = Pattern.compile(" at line (\\d+) column (\\d+)");

    private final Path file;
    private final JsonReader reader;
    private final String where;
    private int values;

    /** Reads one key's value. */
    @FunctionalInterface
    public interface Field {
        /** Reads the value that stands next. */
        void read(String key) throws IOException;
    }

    /** Reads one element. */
    @FunctionalInterface
    public interface Element {
        /** Reads the element that stands next. */
        void read() throws IOException;
    }

    /** What to read from a document. */
    @FunctionalInterface
    public interface Body {
        /** Reads the document. */
        void read(StrictJson json) throws IOException;
    }

    private StrictJson(Path file, JsonReader reader, String what) {
        this.file = file;
        this.reader = reader;
        where = what.equals(WHOLE) ? "" : what + ": ";
    }

    /** Reads a file that holds one JSON object. */
    public static JsonObject read(Path file) throws IOException {
        return parse(file, WHOLE, text(file));
    }

    /** Reads a file that holds one JSON object with this text around what it is called in messages. */
    public static JsonObject parse(Path file, String what, String text) throws CheckpointFormatException {
        if (text.length() > MAX_BYTES) {
            throw new CheckpointFormatException(
                    file, what + " must have at most " + MAX_BYTES + " characters but has " + text.length());
        }
        JsonObject[] out = new JsonObject[1];
        readObject(file, new BoundedText(new StringReader(text)), what, json -> {
            json.expect(JsonToken.BEGIN_OBJECT, what);
            out[0] = json.object(1);
        });
        return out[0];
    }

    /** Reads a text file in UTF-8 of at most {@link #MAX_BYTES}. */
    public static String text(Path file) throws IOException {
        long size = Files.size(file);
        if (size > MAX_BYTES) {
            throw new CheckpointFormatException(
                    file, "the file must have at most " + MAX_BYTES + " bytes but has " + size);
        }
        return decoded(file, ByteBuffer.wrap(Files.readAllBytes(file)), WHOLE).toString();
    }

    /**
     * Reads a file of any length by a known grammar.
     *
     * @param what what to call the document in messages
     */
    public static void stream(Path file, String what, Body body) throws IOException {
        try (Reader text = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            readObject(file, new BoundedText(text), what, body);
        }
    }

    /** Reads exactly one JSON object from UTF-8 bytes, with white space around it allowed. */
    static void readObject(Path file, ByteBuffer utf8, String what, Body body) throws CheckpointFormatException {
        readObject(file, new StringReader(decoded(file, utf8, what).toString()), what, body);
    }

    private static CharBuffer decoded(Path file, ByteBuffer utf8, String what) throws CheckpointFormatException {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(utf8);
        } catch (CharacterCodingException e) {
            throw new CheckpointFormatException(file, what + " must be UTF-8 text", e);
        }
    }

    private static void readObject(Path file, Reader text, String what, Body body) throws CheckpointFormatException {
        PushbackReader start = new PushbackReader(text);
        try (JsonReader reader = new JsonReader(start)) {
            int first = start.read();
            if (first == '\ufeff') { // the reader would skip it
                throw new CheckpointFormatException(file, what + " must not start with a byte order mark");
            }
            if (first >= 0) {
                start.unread(first);
            }
            reader.setStrictness(Strictness.STRICT);
            StrictJson json = new StrictJson(file, reader, what);
            body.read(json);
            json.expect(JsonToken.END_DOCUMENT, what);
        } catch (CheckpointFormatException e) {
            throw e;
        } catch (BoundedText.TooLong e) {
            throw new CheckpointFormatException(file, what + " is too large: " + e.getMessage(), e);
        } catch (CharacterCodingException e) {
            throw new CheckpointFormatException(file, what + " must be UTF-8 text", e);
        } catch (IOException | IllegalStateException | NumberFormatException e) {
            throw new CheckpointFormatException(file, what + " is not valid JSON" + place(e), e);
        }
    }

    /** Where it went wrong; the rest of what the parser says is advice to programmers and parts of the file. */
    private static String place(Exception e) {
        Matcher place = PLACE.matcher(String.valueOf(e.getMessage()));
        String found = "";
        while (place.find()) { // the last one: what stands before may quote the file
            found = ": there is a mistake at line " + place.group(1) + ", column " + place.group(2);
        }
        return e instanceof EOFException ? ": it ends too early" : found;
    }

    Path file() {
        return file;
    }

    /** Reads an object of at most so many keys. */
    public void object(String where, int maxKeys, Field field) throws IOException {
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

    /** Reads a list. */
    public void array(String where, Element element) throws IOException {
        expect(JsonToken.BEGIN_ARRAY, where);
        reader.beginArray();
        while (reader.hasNext()) {
            element.read();
        }
        reader.endArray();
    }

    /** Reads a text. */
    public String string(String where) throws IOException {
        expect(JsonToken.STRING, where);
        return wellFormed(reader.nextString(), where);
    }

    Map<String, String> strings(String where, int maxKeys) throws IOException {
        Map<String, String> out = new LinkedHashMap<>();
        object(where, maxKeys, key -> out.put(key, string(where + " " + quote(key))));
        return out;
    }

    /** Passes over a value of any kind. */
    public void skip() throws IOException {
        skip(1);
    }

    private void skip(int depth) throws IOException {
        requireDepth(depth);
        switch (reader.peek()) {
            case BEGIN_OBJECT -> {
                reader.beginObject();
                while (reader.hasNext()) {
                    wellFormed(reader.nextName(), where + "an object");
                    skip(depth + 1);
                }
                reader.endObject();
            }
            case BEGIN_ARRAY -> {
                reader.beginArray();
                while (reader.hasNext()) {
                    skip(depth + 1);
                }
                reader.endArray();
            }
            default -> reader.skipValue();
        }
    }

    private void requireDepth(int depth) throws CheckpointFormatException {
        if (depth == MAX_DEPTH) {
            throw problem(where + "values must be nested at most " + MAX_DEPTH + " deep");
        }
    }

    private JsonObject object(int depth) throws IOException {
        JsonObject out = new JsonObject();
        reader.beginObject();
        while (reader.hasNext()) {
            String key = wellFormed(reader.nextName(), "an object");
            if (key.length() > MAX_KEY) {
                throw problem(where + "a key must have at most " + MAX_KEY + " characters but one is " + quote(key));
            }
            if (out.has(key)) {
                throw problem(where + "the key " + quote(key) + " stands twice in one object");
            }
            out.add(key, value(depth));
        }
        reader.endObject();
        return out;
    }

    private JsonArray array(int depth) throws IOException {
        JsonArray out = new JsonArray();
        reader.beginArray();
        while (reader.hasNext()) {
            out.add(value(depth));
        }
        reader.endArray();
        return out;
    }

    private JsonElement value(int depth) throws IOException {
        if (++values > MAX_VALUES) {
            throw problem(where + "there must be at most " + MAX_VALUES + " values");
        }
        requireDepth(depth);
        JsonToken next = reader.peek();
        return switch (next) {
            case BEGIN_OBJECT -> object(depth + 1);
            case BEGIN_ARRAY -> array(depth + 1);
            case STRING -> new JsonPrimitive(wellFormed(reader.nextString(), "the document"));
            case NUMBER -> new JsonPrimitive(ToNumberPolicy.LAZILY_PARSED_NUMBER.readNumber(reader));
            case BOOLEAN -> new JsonPrimitive(reader.nextBoolean());
            case NULL -> {
                reader.nextNull();
                yield JsonNull.INSTANCE;
            }
            default -> throw problem(where + "a value is missing before " + word(next));
        };
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
    public long count(String where) throws IOException {
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

    /** Returns the exception for something that is wrong with the content. */
    public CheckpointFormatException problem(String text) {
        return new CheckpointFormatException(file, text);
    }

    private CheckpointFormatException notACount(String where, String found) {
        return problem(where + " must be a whole number from 0 to 2^63 - 1 but was " + MessageText.cut(found, 100));
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

    public static boolean isWellFormed(String text) {
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

    /** Returns a text for a message, see {@link MessageText#quote}. */
    public static String quote(String text) {
        return MessageText.quote(text);
    }

    /** Appends a JSON string with the fewest escapes. */
    public static void append(StringBuilder out, String text) {
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

    /** Passes JSON text on, and stops where a text or a number in it is longer than any that is meant. */
    static final class BoundedText extends Reader {
        static final int MAX_TEXT = 1 << 20;
        static final int MAX_WORD = 1_000;

        private final Reader text;
        private boolean inside;
        private boolean escaped;
        private int length;

        /** A text or number is too long. */
        static final class TooLong extends IOException {
            private static final long serialVersionUID = 1L;

            TooLong(String message) {
                super(message);
            }
        }

        BoundedText(Reader text) {
            this.text = text;
        }

        @Override
        public int read(char[] target, int offset, int count) throws IOException {
            int read = text.read(target, offset, count);
            for (int i = 0; i < read; i++) {
                pass(target[offset + i]);
            }
            return read;
        }

        private void pass(char c) throws TooLong {
            length++;
            if (inside) {
                inside = escaped || c != '"';
                escaped = !escaped && c == '\\';
                if (length > MAX_TEXT + 1) {
                    throw new TooLong("a text must have at most " + MAX_TEXT + " characters");
                }
            } else if (c == '"') {
                inside = true;
                length = 0;
            } else if (" \t\r\n,:[]{}".indexOf(c) >= 0) {
                length = 0;
            } else if (length > MAX_WORD) {
                throw new TooLong("a number must have at most " + MAX_WORD + " characters");
            }
        }

        @Override
        public void close() throws IOException {
            text.close();
        }
    }
}
