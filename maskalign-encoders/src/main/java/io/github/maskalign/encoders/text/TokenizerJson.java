package io.github.maskalign.encoders.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.StrictJson;
import io.github.maskalign.encoders.text.ClipVocabulary.Merge;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads {@code tokenizer.json} of a CLIP tokenizer. Every part must be what CLIP's is; parts that are of no consequence
 * here, which are truncation, padding and the decoder, may be anything.
 */
final class TokenizerJson {
    private final List<String> problems = new ArrayList<>();
    private final JsonFields json;

    private TokenizerJson(JsonObject object) {
        json = new JsonFields("", object, problems);
    }

    static ClipVocabulary read(Path file, SpecialTokens special) throws IOException {
        TokenizerJson reader = new TokenizerJson(StrictJson.read(file));
        ClipVocabulary vocabulary = reader.vocabulary(special);
        if (reader.problems.isEmpty()) {
            vocabulary.check(reader.problems);
        }
        SpecialTokens.throwIfAny(file, reader.problems);
        return vocabulary;
    }

    private ClipVocabulary vocabulary(SpecialTokens special) {
        json.oneOf("version", "1.0", null);
        json.onlyKeys(Set.of(
                "version",
                "truncation",
                "padding",
                "added_tokens",
                "normalizer",
                "pre_tokenizer",
                "post_processor",
                "decoder",
                "model"));
        normalizer(json.object("normalizer"));
        String pattern = preTokenizer(json.object("pre_tokenizer"));
        JsonFields processor = json.object("post_processor");
        processor.oneOf("type", "RobertaProcessing");
        String end = tokenAndId(processor, "sep");
        String start = tokenAndId(processor, "cls");
        JsonFields model = json.object("model");
        model(model);
        Map<String, Integer> ids = ids(model);
        List<AddedToken> own = new ArrayList<>();
        if (json.has("added_tokens")) {
            for (JsonFields token : json.objects("added_tokens", -1)) {
                own.add(SpecialTokens.token(token, token.number("id", 0, ClipVocabulary.MAX_TOKENS, 0)));
            }
        }
        List<AddedToken> added = ClipVocabulary.join(ids, own, special.added(ids));
        return new ClipVocabulary(
                ids,
                merges(model),
                added,
                start,
                end,
                model.text("unk_token", end),
                special.content("pad_token"),
                pattern);
    }

    private static void normalizer(JsonFields normalizer) {
        normalizer.oneOf("type", "Sequence");
        List<JsonFields> steps = normalizer.objects("normalizers", 3);
        if (steps.size() == 3) {
            steps.get(0).oneOf("type", "NFC");
            steps.get(1).oneOf("type", "Replace");
            steps.get(1).object("pattern").oneOf("Regex", "\\s+");
            steps.get(1).oneOf("content", " ");
            steps.get(2).oneOf("type", "Lowercase");
        }
    }

    private static String preTokenizer(JsonFields splitter) {
        splitter.oneOf("type", "Sequence");
        List<JsonFields> steps = splitter.objects("pretokenizers", 2);
        if (steps.size() != 2) {
            return "";
        }
        JsonFields split = steps.get(0);
        split.oneOf("type", "Split");
        split.oneOf("behavior", "Removed");
        split.oneOf("invert", true);
        JsonFields pattern = split.object("pattern");
        pattern.oneOf("Regex", ClipVocabulary.PATTERNS.toArray());
        JsonFields bytes = steps.get(1);
        bytes.oneOf("type", "ByteLevel");
        bytes.oneOf("add_prefix_space", false);
        bytes.oneOf("use_regex", true, null);
        return pattern.text("Regex", "");
    }

    private static void model(JsonFields model) {
        model.oneOf("type", "BPE", null);
        model.oneOf("dropout", null, "0.0", "0");
        model.oneOf("continuing_subword_prefix", "", null);
        model.oneOf("end_of_word_suffix", ClipVocabulary.SUFFIX);
        model.oneOf("fuse_unk", false, null);
        model.oneOf("byte_fallback", false, null);
        model.oneOf("ignore_merges", false, null);
    }

    /** A token with its id, as the post-processor has it; the id is checked with all others. */
    private String tokenAndId(JsonFields processor, String key) {
        JsonElement found = processor.get(key);
        if (found != null && found.isJsonArray()) {
            JsonArray pair = found.getAsJsonArray();
            if (pair.size() == 2 && JsonFields.isText(pair.get(0)) && JsonFields.wholeNumber(pair.get(1)) != null) {
                return pair.get(0).getAsString();
            }
        }
        processor.problem(key, "a list of a token and its id");
        return "";
    }

    private Map<String, Integer> ids(JsonFields model) {
        return ids(model.object("vocab"), problems);
    }

    /** The ids of all tokens of an object. */
    static Map<String, Integer> ids(JsonFields vocabulary, List<String> problems) {
        Map<String, Integer> out = new LinkedHashMap<>();
        for (String token : vocabulary.keys()) {
            Integer id = JsonFields.wholeNumber(vocabulary.get(token));
            if (id == null) {
                problems.add("the id of the token " + CheckpointFormatException.quote(token)
                        + " must be a whole number but is "
                        + CheckpointFormatException.quote(vocabulary.get(token).toString()));
            } else {
                out.put(token, id);
            }
        }
        return out;
    }

    private List<Merge> merges(JsonFields model) {
        JsonElement found = model.get("merges");
        if (found == null || !found.isJsonArray()) {
            model.problem("merges", "a list");
            return List.of();
        }
        List<Merge> out = new ArrayList<>();
        for (JsonElement merge : found.getAsJsonArray()) {
            String[] pair = pair(merge);
            if (pair.length == 2) {
                out.add(new Merge(pair[0], pair[1]));
            } else {
                problems.add("a merge must be two tokens but is " + CheckpointFormatException.quote(merge.toString()));
            }
        }
        return out;
    }

    /** Files of tokenizers 0.20 and later have {@code ["a", "b"]}, older ones {@code "a b"}. */
    private static String[] pair(JsonElement merge) {
        if (JsonFields.isText(merge)) {
            return merge.getAsString().split(" ", -1);
        }
        if (merge.isJsonArray()) {
            JsonArray list = merge.getAsJsonArray();
            if (list.size() == 2 && JsonFields.isText(list.get(0)) && JsonFields.isText(list.get(1))) {
                return new String[] {list.get(0).getAsString(), list.get(1).getAsString()};
            }
        }
        return new String[0];
    }

    /**
     * A token that is found in the text as a whole, before anything else is done with it.
     *
     * @param content what it looks like, not empty
     * @param id its id, at least 0
     * @param singleWord whether it must stand alone
     * @param leftStrip whether it takes the white space before it
     * @param rightStrip whether it takes the white space after it
     * @param normalized whether it is looked for in the normalised text, in which all is lower case
     */
    record AddedToken(
            String content, int id, boolean singleWord, boolean leftStrip, boolean rightStrip, boolean normalized) {
        AddedToken withId(int newId) {
            return new AddedToken(content, newId, singleWord, leftStrip, rightStrip, normalized);
        }
    }
}
