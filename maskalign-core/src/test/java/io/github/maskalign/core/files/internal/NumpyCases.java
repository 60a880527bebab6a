package io.github.maskalign.core.files.internal;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.files.TensorSource;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.StreamSupport;

/** The fixtures of scripts/golden/npy_cases.py: files by NumPy, and what is in them. */
final class NumpyCases {
    private static final String FOLDER = "/golden/numpy/";

    private NumpyCases() {}

    static byte[] file(String name) {
        byte[] bytes = bytes(name);
        String expected = json("manifest.json")
                .getAsJsonObject("files")
                .getAsJsonObject(name)
                .get("sha256")
                .getAsString();
        if (!HexFormat.of().formatHex(sha256().digest(bytes)).equals(expected)) {
            throw new AssertionError("fixture " + FOLDER + name + " is not the one of its manifest; regenerate with "
                    + "scripts/golden/npy_cases.py");
        }
        return bytes;
    }

    /** Names of arrays: a file, or a file, a colon and a key. */
    static List<String> arrays(String suffix) {
        return json("cases.json").getAsJsonObject("arrays").keySet().stream()
                .filter(name -> name.contains(suffix))
                .toList();
    }

    static List<String> names(String list) {
        JsonArray names = json("cases.json").getAsJsonArray(list);
        return StreamSupport.stream(names.spliterator(), false)
                .map(JsonElement::getAsString)
                .toList();
    }

    /** Type, shape and hash of an array, as the fixtures state them. */
    static String expected(String array) {
        JsonObject about = json("cases.json").getAsJsonObject("arrays").getAsJsonObject(array);
        StringBuilder shape = new StringBuilder();
        about.getAsJsonArray("shape").forEach(count -> shape.append(' ').append(count));
        return about.get("type").getAsString()
                + shape
                + ' '
                + about.get("sha256").getAsString();
    }

    static String describe(TensorSource tensor) throws IOException {
        MessageDigest digest = sha256();
        tensor.sendTo(digest::update);
        StringBuilder shape = new StringBuilder();
        for (long count : tensor.shape().getShape()) {
            shape.append(' ').append(count);
        }
        return tensor.type().name() + shape + ' ' + HexFormat.of().formatHex(digest.digest());
    }

    private static JsonObject json(String name) {
        return JsonParser.parseString(new String(bytes(name), StandardCharsets.UTF_8))
                .getAsJsonObject();
    }

    private static byte[] bytes(String name) {
        try (InputStream in = NumpyCases.class.getResourceAsStream(FOLDER + name)) {
            if (in == null) {
                throw new AssertionError("no fixture " + FOLDER + name);
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}
