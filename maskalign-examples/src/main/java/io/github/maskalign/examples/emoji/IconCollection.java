package io.github.maskalign.examples.emoji;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * One emoji set as published in the Iconify format: drawings, other names, code points, categories, credits.
 *
 * <p>Hidden drawings (withdrawn by their set) are left out, and so are aliases that transform their parent. Missing
 * view boxes take the file's defaults, and those the format's: 0, 0, 16, 16.
 *
 * @param info whom to credit
 * @param icons drawings by name, sorted
 * @param aliases other names and the drawings they stand for
 * @param codePoints Unicode sequence of a drawing, {@code 1f469-200d-1f373}, without variation selectors; empty for
 *     sets that do not say
 * @param categories category of each categorised drawing
 */
record IconCollection(
        SetInfo info,
        TreeMap<String, Icon> icons,
        Map<String, String> aliases,
        Map<String, String> codePoints,
        Map<String, EmojiCategory> categories) {
    /** Version of the archive of sets; part of what a drawn picture depends on. */
    static final String VERSION = "2.2.378";

    private static final String FOLDER = "/META-INF/resources/webjars/iconify__json/" + VERSION + "/json/";
    private static final float DEFAULT_EDGE = 16;

    /**
     * Reads a set from the class path.
     *
     * @throws IllegalStateException if the archive is not on the class path
     */
    static IconCollection read(String set) {
        String path = FOLDER + set + ".json";
        try (InputStream in = IconCollection.class.getResourceAsStream(path)) {
            if (in == null) {
                throw new IllegalStateException("the class path must hold " + path.substring(1)
                        + " (org.webjars.npm:iconify__json:" + VERSION + ") but does not");
            }
            try (Reader reader = new InputStreamReader(in, StandardCharsets.UTF_8)) {
                return parse(set, JsonParser.parseReader(reader).getAsJsonObject());
            }
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + path + " from the class path", e);
        }
    }

    static IconCollection parse(String set, JsonObject file) {
        TreeMap<String, Icon> icons = new TreeMap<>();
        for (Map.Entry<String, JsonElement> member : object(file, "icons").entrySet()) {
            JsonObject icon = member.getValue().getAsJsonObject();
            if (!flag(icon, "hidden")) {
                icons.put(member.getKey(), icon(member.getKey(), icon, file));
            }
        }
        return new IconCollection(info(set, file), icons, aliases(file), codePoints(file), categories(file));
    }

    private static Icon icon(String name, JsonObject icon, JsonObject file) {
        return new Icon(
                name,
                icon.get("body").getAsString(),
                number("left", 0, icon, file),
                number("top", 0, icon, file),
                number("width", DEFAULT_EDGE, icon, file),
                number("height", DEFAULT_EDGE, icon, file));
    }

    private static SetInfo info(String set, JsonObject file) {
        JsonObject info = object(file, "info");
        JsonObject author = object(info, "author");
        JsonObject licence = object(info, "license");
        return new SetInfo(
                set,
                text(info, "name"),
                text(author, "name"),
                text(author, "url"),
                text(licence, "title"),
                text(licence, "spdx"),
                text(licence, "url"));
    }

    private static Map<String, String> aliases(JsonObject file) {
        Map<String, String> aliases = new TreeMap<>();
        for (Map.Entry<String, JsonElement> member : object(file, "aliases").entrySet()) {
            JsonObject alias = member.getValue().getAsJsonObject();
            if (alias.size() == 1) {
                aliases.put(member.getKey(), text(alias, "parent"));
            }
        }
        return aliases;
    }

    private static Map<String, String> codePoints(JsonObject file) {
        Map<String, String> codePoints = new HashMap<>();
        for (Map.Entry<String, JsonElement> member : object(file, "chars").entrySet()) {
            String sequence = member.getKey().toLowerCase(Locale.ROOT).replace("-fe0f", "");
            // the smallest sequence, so that the order of the file does not matter
            codePoints.merge(member.getValue().getAsString(), sequence, (a, b) -> a.compareTo(b) <= 0 ? a : b);
        }
        return codePoints;
    }

    private static Map<String, EmojiCategory> categories(JsonObject file) {
        Map<String, EmojiCategory> categories = new HashMap<>();
        for (Map.Entry<String, JsonElement> member : object(file, "categories").entrySet()) {
            EmojiCategory category = EmojiCategory.ofTitle(member.getKey());
            member.getValue().getAsJsonArray().forEach(name -> categories.put(name.getAsString(), category));
        }
        return categories;
    }

    private static float number(String key, float ifMissing, JsonObject icon, JsonObject file) {
        JsonElement value = icon.has(key) ? icon.get(key) : file.get(key);
        return value == null ? ifMissing : value.getAsFloat();
    }

    private static boolean flag(JsonObject object, String key) {
        return object.has(key) && object.get(key).getAsBoolean();
    }

    private static JsonObject object(JsonObject parent, String key) {
        return parent.has(key) ? parent.getAsJsonObject(key) : new JsonObject();
    }

    private static String text(JsonObject parent, String key) {
        return parent.has(key) ? parent.get(key).getAsString() : "";
    }
}
