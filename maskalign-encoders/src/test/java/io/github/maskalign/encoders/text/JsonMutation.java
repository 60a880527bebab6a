package io.github.maskalign.encoders.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import io.github.maskalign.core.fuzz.Bytes;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Damages JSON files: half of them as bytes, half as a tree, so that the text stays valid and its meaning changes. */
public final class JsonMutation {
    private static final String[] TEXTS = {
        "",
        " ",
        "a",
        "</w>",
        "a b",
        "\u0000",
        "\ud83d\ude00",
        "<|endoftext|>",
        "Regex",
        "\\s+",
        "(a+)+$",
        "[",
        "NFC",
        "NFKC",
        "Sequence",
        "ByteLevel",
        "WordPiece",
        "Unigram",
        "x".repeat(600)
    };
    private static final String[] NUMBERS = {
        "0",
        "-1",
        "1",
        "2",
        "710",
        "712",
        "4294967295",
        "9223372036854775808",
        "1e9",
        "0.5",
        "-0",
        "1e-400",
        "99999999999999999999"
    };

    private JsonMutation() {}

    /** Returns a damaged copy. */
    public static byte[] apply(byte[] seed, Random random) {
        if (random.nextInt(3) == 0) {
            return Bytes.mutate(seed, random);
        }
        JsonElement tree = JsonParser.parseString(new String(seed, StandardCharsets.UTF_8));
        for (int n = 1 + random.nextInt(3); n > 0; n--) {
            once(tree, random);
        }
        String text = tree.toString();
        if (random.nextInt(20) == 0) { // a key twice, which no tree can have
            int at = text.indexOf('{') + 1;
            text = text.substring(0, at) + "\"version\":\"1.0\"," + text.substring(at);
        }
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void once(JsonElement tree, Random random) {
        List<JsonElement> containers = new ArrayList<>();
        collect(tree, containers);
        JsonElement chosen = containers.get(random.nextInt(containers.size()));
        if (chosen.isJsonObject()) {
            change(chosen.getAsJsonObject(), random);
        } else {
            change(chosen.getAsJsonArray(), random);
        }
    }

    private static void collect(JsonElement element, List<JsonElement> out) {
        if (element.isJsonObject()) {
            out.add(element);
            element.getAsJsonObject().entrySet().forEach(e -> collect(e.getValue(), out));
        } else if (element.isJsonArray()) {
            out.add(element);
            if (element.getAsJsonArray().size() < 20) { // not every merge, or nothing else would be chosen
                element.getAsJsonArray().forEach(e -> collect(e, out));
            }
        }
    }

    private static void change(JsonObject object, Random random) {
        List<Map.Entry<String, JsonElement>> entries = new ArrayList<>(object.entrySet());
        if (entries.isEmpty()) {
            object.add(text(random), value(random));
            return;
        }
        Map.Entry<String, JsonElement> entry = entries.get(random.nextInt(entries.size()));
        Map.Entry<String, JsonElement> other = entries.get(random.nextInt(entries.size()));
        switch (random.nextInt(6)) {
            case 0 -> object.remove(entry.getKey());
            case 1 -> object.add(entry.getKey(), value(random));
            case 2 -> object.add(text(random), value(random));
            case 3, 4 -> { // two values change places: ids of tokens, above all
                JsonElement kept = entry.getValue();
                object.add(entry.getKey(), other.getValue());
                object.add(other.getKey(), kept);
            }
            default -> {
                object.remove(entry.getKey());
                object.add(text(random), entry.getValue());
            }
        }
    }

    private static void change(JsonArray array, Random random) {
        if (array.isEmpty()) {
            array.add(value(random));
            return;
        }
        int at = random.nextInt(array.size());
        int other = random.nextInt(array.size());
        switch (random.nextInt(5)) {
            case 0 -> array.remove(at);
            case 1 -> array.set(at, value(random));
            case 2 -> array.add(array.get(at).deepCopy());
            default -> {
                JsonElement kept = array.get(at);
                array.set(at, array.get(other));
                array.set(other, kept);
            }
        }
    }

    private static JsonElement value(Random random) {
        return switch (random.nextInt(7)) {
            case 0 -> JsonNull.INSTANCE;
            case 1 -> new JsonPrimitive(random.nextBoolean());
            case 2, 3 -> new JsonPrimitive(text(random));
            case 4 -> JsonParser.parseString(NUMBERS[random.nextInt(NUMBERS.length)]);
            case 5 -> nested(random.nextInt(80));
            default -> new JsonPrimitive(BigInteger.valueOf(random.nextInt(800)));
        };
    }

    private static JsonElement nested(int depth) {
        JsonElement out = new JsonArray();
        for (int i = 0; i < depth; i++) {
            JsonArray outer = new JsonArray();
            outer.add(out);
            out = outer;
        }
        return out;
    }

    private static String text(Random random) {
        return TEXTS[random.nextInt(TEXTS.length)];
    }
}
