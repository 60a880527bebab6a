package io.github.maskalign.encoders.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.charset.StandardCharsets;
import java.util.stream.Collectors;

/** Cuts the golden vocabulary down to lower-case letters, so that thousands of files are read in seconds. */
final class SmallVocabulary {
    private SmallVocabulary() {}

    /** Returns {@code tokenizer.json} with fewer tokens, numbered anew. */
    static byte[] tokenizer(byte[] file) {
        JsonObject json =
                JsonParser.parseString(new String(file, StandardCharsets.UTF_8)).getAsJsonObject();
        JsonObject model = json.getAsJsonObject("model");
        JsonObject ids = small(model.getAsJsonObject("vocab"));
        model.add("vocab", ids);
        JsonArray merges = new JsonArray();
        for (JsonElement merge : model.getAsJsonArray("merges")) {
            String pair = merge.isJsonArray()
                    ? merge.getAsJsonArray().get(0).getAsString() + " "
                            + merge.getAsJsonArray().get(1).getAsString()
                    : merge.getAsString();
            if (fits(pair, ids)) {
                merges.add(merge);
            }
        }
        model.add("merges", merges);
        int next = ids.size();
        for (JsonElement token : json.getAsJsonArray("added_tokens")) {
            JsonElement known = ids.get(token.getAsJsonObject().get("content").getAsString());
            token.getAsJsonObject().addProperty("id", known == null ? next++ : known.getAsInt());
        }
        return json.toString().getBytes(StandardCharsets.UTF_8);
    }

    /** Returns {@code vocab.json} with fewer tokens, numbered anew. */
    static byte[] ids(byte[] file) {
        JsonObject json =
                JsonParser.parseString(new String(file, StandardCharsets.UTF_8)).getAsJsonObject();
        return small(json).toString().getBytes(StandardCharsets.UTF_8);
    }

    /** Returns {@code merges.txt} without the merges that need other tokens. */
    static byte[] merges(byte[] file, byte[] ids) {
        JsonObject known = small(
                JsonParser.parseString(new String(ids, StandardCharsets.UTF_8)).getAsJsonObject());
        return new String(file, StandardCharsets.UTF_8)
                .lines()
                .filter(line -> line.startsWith("#version") || fits(line, known))
                .collect(Collectors.joining("\n"))
                .getBytes(StandardCharsets.UTF_8);
    }

    private static boolean fits(String merge, JsonObject ids) {
        String[] pair = merge.split(" ");
        return ids.has(pair[0]) && ids.has(pair[1]) && ids.has(pair[0] + pair[1]);
    }

    private static JsonObject small(JsonObject all) {
        JsonObject out = new JsonObject();
        for (String token : all.keySet()) {
            if (token.matches("[a-m!]+(</w>)?|<\\|.*\\|>")) {
                out.addProperty(token, out.size());
            }
        }
        return out;
    }
}
