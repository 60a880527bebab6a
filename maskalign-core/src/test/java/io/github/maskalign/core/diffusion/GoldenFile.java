package io.github.maskalign.core.diffusion;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/** A float64 and int64 fixture below {@code golden/}: a safetensors file read with no checks at all. */
public final class GoldenFile {
    private final JsonObject header;
    private final ByteBuffer data;

    /** Reads a resource such as {@code "samplers/field-em"}. */
    public GoldenFile(String name) {
        String resource = "/golden/" + name + ".safetensors";
        try (InputStream in = Objects.requireNonNull(GoldenFile.class.getResourceAsStream(resource), resource)) {
            ByteBuffer file = ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
            byte[] json = new byte[(int) file.getLong()];
            file.get(json);
            header = JsonParser.parseString(new String(json, StandardCharsets.UTF_8))
                    .getAsJsonObject();
            data = file.slice().order(ByteOrder.LITTLE_ENDIAN);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether there is a tensor of this name. */
    public boolean has(String tensor) {
        return header.has(tensor);
    }

    /** Whether there is such a string in the metadata. */
    public boolean knows(String key) {
        return header.getAsJsonObject("__metadata__").has(key);
    }

    /** Returns one string of the metadata. */
    public String metadata(String key) {
        return header.getAsJsonObject("__metadata__").get(key).getAsString();
    }

    /** Returns a float64 tensor, row-major. */
    public double[] doubles(String tensor) {
        ByteBuffer bytes = bytes(tensor, "F64");
        double[] values = new double[bytes.remaining() / Double.BYTES];
        bytes.asDoubleBuffer().get(values);
        return values;
    }

    /** Returns an int64 tensor, row-major. */
    public long[] longs(String tensor) {
        ByteBuffer bytes = bytes(tensor, "I64");
        long[] values = new long[bytes.remaining() / Long.BYTES];
        bytes.asLongBuffer().get(values);
        return values;
    }

    /** Returns the shape of a tensor. */
    public int[] shape(String tensor) {
        return header.getAsJsonObject(tensor).getAsJsonArray("shape").asList().stream()
                .mapToInt(JsonElement::getAsInt)
                .toArray();
    }

    private ByteBuffer bytes(String tensor, String type) {
        JsonObject info = header.getAsJsonObject(tensor);
        if (!info.get("dtype").getAsString().equals(type)) {
            throw new IllegalArgumentException(tensor + " must be " + type + " but was " + info.get("dtype"));
        }
        int begin = info.getAsJsonArray("data_offsets").get(0).getAsInt();
        int end = info.getAsJsonArray("data_offsets").get(1).getAsInt();
        return data.slice(begin, end - begin).order(ByteOrder.LITTLE_ENDIAN);
    }
}
