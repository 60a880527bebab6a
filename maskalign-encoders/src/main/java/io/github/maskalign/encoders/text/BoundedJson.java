package io.github.maskalign.encoders.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.ToNumberPolicy;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import io.github.maskalign.core.io.CheckpointFormatException;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads a JSON object from an untrusted file into memory: RFC 8259, no key twice, bounded in every direction. */
final class BoundedJson {
    static final long MAX_BYTES = 16L << 20;
    private static final int MAX_DEPTH = 64;
    private static final int MAX_VALUES = 2_000_000;
    private static final int MAX_TEXT = 1 << 20;

    private final Path file;
    private final JsonReader reader;
    private int values;

    private BoundedJson(Path file, JsonReader reader) {
        this.file = file;
        this.reader = reader;
    }

    /** @throws CheckpointFormatException if it is no JSON object or breaks a bound */
    static JsonObject read(Path file) throws IOException {
        String text = text(file);
        try (JsonReader reader = new JsonReader(new StringReader(text))) {
            reader.setStrictness(Strictness.STRICT);
            if (text.startsWith("\ufeff") || reader.peek() != JsonToken.BEGIN_OBJECT) {
                throw new CheckpointFormatException(file, "the file must hold one JSON object");
            }
            JsonObject object = new BoundedJson(file, reader).object(1);
            if (reader.peek() != JsonToken.END_DOCUMENT) {
                throw new CheckpointFormatException(file, "there is text after the JSON object");
            }
            return object;
        } catch (CheckpointFormatException e) {
            throw e;
        } catch (IOException | IllegalStateException | NumberFormatException e) {
            throw new CheckpointFormatException(file, "the file is not valid JSON: " + e.getMessage(), e);
        }
    }

    /** Reads a text file in UTF-8 of at most {@link #MAX_BYTES}. */
    static String text(Path file) throws IOException {
        long size = Files.size(file);
        if (size > MAX_BYTES) {
            throw new CheckpointFormatException(
                    file, "the file must have at most " + MAX_BYTES + " bytes but has " + size);
        }
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(Files.readAllBytes(file)))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new CheckpointFormatException(file, "the file must be UTF-8 text", e);
        }
    }

    private JsonObject object(int depth) throws IOException {
        JsonObject out = new JsonObject();
        reader.beginObject();
        while (reader.hasNext()) {
            String key = wellFormed(reader.nextName());
            if (out.has(key)) {
                throw new CheckpointFormatException(
                        file, "the key " + CheckpointFormatException.quote(key) + " stands twice in one object");
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
            throw new CheckpointFormatException(file, "the file must have at most " + MAX_VALUES + " values");
        }
        if (depth == MAX_DEPTH) {
            throw new CheckpointFormatException(file, "values must be nested at most " + MAX_DEPTH + " deep");
        }
        JsonToken next = reader.peek();
        return switch (next) {
            case BEGIN_OBJECT -> object(depth + 1);
            case BEGIN_ARRAY -> array(depth + 1);
            case STRING -> new JsonPrimitive(wellFormed(reader.nextString()));
            case NUMBER -> new JsonPrimitive(ToNumberPolicy.LAZILY_PARSED_NUMBER.readNumber(reader));
            case BOOLEAN -> new JsonPrimitive(reader.nextBoolean());
            case NULL -> {
                reader.nextNull();
                yield JsonNull.INSTANCE;
            }
            default -> throw new CheckpointFormatException(file, "a value is missing before " + next);
        };
    }

    private String wellFormed(String text) throws CheckpointFormatException {
        if (text.length() > MAX_TEXT) {
            throw new CheckpointFormatException(file, "a text must have at most " + MAX_TEXT + " characters");
        }
        if (!Captions.isWellFormed(text)) {
            throw new CheckpointFormatException(
                    file, "a text has half a surrogate pair: " + CheckpointFormatException.quote(text));
        }
        return text;
    }
}
