package io.github.maskalign.core.image;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** The fixtures of scripts/golden/image_cases.py: files, and what Pillow makes of them. */
final class PictureCases {
    private static final String FOLDER = "/golden/pictures/";

    private PictureCases() {}

    static JsonObject cases() {
        return json("cases.json");
    }

    /** The bytes of a fixture; fails if it is not the one of the manifest. */
    static byte[] file(String name) {
        byte[] bytes = bytes(name);
        String expected = json("manifest.json")
                .getAsJsonObject("files")
                .getAsJsonObject(name)
                .get("sha256")
                .getAsString();
        if (!sha256(bytes).equals(expected)) {
            throw new AssertionError("fixture " + FOLDER + name + " is not the one of its manifest; regenerate with "
                    + "scripts/golden/image_cases.py");
        }
        return bytes;
    }

    static List<String> names() {
        return List.copyOf(cases().getAsJsonObject("files").keySet());
    }

    /** Size and hash of a picture, as the fixtures state them. */
    static String describe(Picture picture) {
        return describe(picture.width(), picture.height(), sha256(picture.toInterleaved()));
    }

    static String describe(JsonObject expected) {
        return describe(
                expected.get("width").getAsInt(),
                expected.get("height").getAsInt(),
                expected.get("sha256").getAsString());
    }

    private static String describe(int width, int height, String hash) {
        return width + " x " + height + " " + hash;
    }

    /** The picture given by a formula, the same as in the script. */
    static Picture formula(int width, int height) {
        byte[] pixels = new byte[width * height * 3];
        int at = 0;
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                for (int c = 0; c < 3; c++) {
                    pixels[at++] = (byte) ((x * x * 3 + y * y * 5 + x * y * (c + 1) * 7 + 3700 * c) >> 6);
                }
            }
        }
        return Picture.of(width, height, pixels);
    }

    private static JsonObject json(String name) {
        return JsonParser.parseString(new String(bytes(name), StandardCharsets.UTF_8))
                .getAsJsonObject();
    }

    private static byte[] bytes(String name) {
        try (InputStream in = PictureCases.class.getResourceAsStream(FOLDER + name)) {
            if (in == null) {
                throw new AssertionError("no fixture " + FOLDER + name);
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}
