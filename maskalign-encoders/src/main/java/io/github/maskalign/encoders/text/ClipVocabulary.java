package io.github.maskalign.encoders.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.encoders.text.TokenizerJson.AddedToken;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Everything in which one CLIP tokenizer differs from another, checked; and the definition that the native library is
 * given. It is written from these values alone, so nothing of a file reaches that library as it stands there.
 *
 * @param ids id of every token of the model
 * @param merges pairs in order of rank
 * @param added tokens that are found as a whole
 * @param start token in front of every caption
 * @param end token behind every caption
 * @param unknown token for what the vocabulary lacks
 * @param pad token that fills captions up
 * @param pattern rule that cuts the text into words, one of {@link #PATTERNS}
 */
record ClipVocabulary(
        Map<String, Integer> ids,
        List<Merge> merges,
        List<AddedToken> added,
        String start,
        String end,
        String unknown,
        String pad,
        String pattern) {
    static final String START = "<|startoftext|>";
    static final String END = "<|endoftext|>";
    static final String SUFFIX = "</w>";

    private static final String WORDS = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

    /** transformers wrote the second until version 4, and the first since. They cut alike. */
    static final List<String> PATTERNS = List.of("<\\|startoftext\\|>|<\\|endoftext\\|>|" + WORDS, WORDS);

    static final int MAX_TOKENS = 1_000_000;
    private static final int MAX_TOKEN_LENGTH = 512;

    /** Two tokens that become one. */
    record Merge(String left, String right) {}

    /** The frame of a definition in the form of tokenizers 0.19, which later versions read as well. */
    private static final String FRAME = """
            {"version": "1.0", "truncation": null, "padding": null,
             "normalizer": {"type": "Sequence", "normalizers": [
               {"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "\\\\s+"}, "content": " "},
               {"type": "Lowercase"}]},
             "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
               {"type": "Split", "pattern": {}, "behavior": "Removed", "invert": true},
               {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]},
             "post_processor": {"type": "RobertaProcessing", "trim_offsets": false, "add_prefix_space": false},
             "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
             "model": {"type": "BPE", "dropout": null, "continuing_subword_prefix": "", "fuse_unk": false,
               "byte_fallback": false}}
            """;

    ClipVocabulary {
        ids = Collections.unmodifiableMap(new LinkedHashMap<>(ids));
        merges = List.copyOf(merges);
        added = List.copyOf(added);
    }

    /** Returns the id of a token of the model or an added one, or null. */
    @Nullable
    Integer idOf(String token) {
        for (AddedToken other : added) {
            if (other.content().equals(token)) {
                return other.id();
            }
        }
        return ids.get(token);
    }

    int requiredId(String token) {
        Integer id = idOf(token);
        if (id == null) {
            throw new IllegalStateException("a checked vocabulary has " + token);
        }
        return id;
    }

    /** Returns the highest id of all. */
    int highestId() {
        int highest = added.stream().mapToInt(AddedToken::id).max().orElse(0);
        for (int id : ids.values()) {
            highest = Math.max(highest, id);
        }
        return highest;
    }

    /** Notes everything that would make two readers disagree. */
    void check(List<String> problems) {
        checkIds(problems);
        checkMerges(problems);
        checkAdded(problems);
        if (!ids.containsKey(unknown)) {
            problems.add("the unknown token " + CheckpointFormatException.quote(unknown) + " is not in the vocabulary");
        }
        for (String token : List.of(start, end, pad)) {
            if (idOf(token) == null) {
                problems.add("the special token " + CheckpointFormatException.quote(token)
                        + " is neither in the vocabulary nor an added token");
            }
        }
    }

    private void checkIds(List<String> problems) {
        if (ids.isEmpty() || ids.size() > MAX_TOKENS || merges.size() > MAX_TOKENS) {
            problems.add("vocabulary and merges must have 1 and 0 to " + MAX_TOKENS + " entries but have " + ids.size()
                    + " and " + merges.size());
        }
        Set<Integer> seen = new HashSet<>();
        ids.forEach((token, id) -> {
            if (token.isEmpty() || token.length() > MAX_TOKEN_LENGTH) {
                problems.add("a token must have 1 to " + MAX_TOKEN_LENGTH + " characters but "
                        + CheckpointFormatException.quote(token) + " has " + token.length());
            }
            if (id < 0 || id >= ids.size() || !seen.add(id)) {
                problems.add("ids must be distinct and in [0, " + ids.size() + "), the number of tokens, but "
                        + CheckpointFormatException.quote(token) + " has " + id);
            }
        });
    }

    private void checkMerges(List<String> problems) {
        for (Merge merge : merges) {
            for (String token : List.of(merge.left(), merge.right(), merge.left() + merge.right())) {
                if (!ids.containsKey(token)) {
                    problems.add("the merge of " + CheckpointFormatException.quote(merge.left()) + " and "
                            + CheckpointFormatException.quote(merge.right()) + " needs the token "
                            + CheckpointFormatException.quote(token));
                    break;
                }
            }
            if (merge.left().indexOf(' ') >= 0 || merge.right().indexOf(' ') >= 0) {
                problems.add("the tokens of a merge must have no space but are "
                        + CheckpointFormatException.quote(merge.left()) + " and "
                        + CheckpointFormatException.quote(merge.right()));
            }
        }
    }

    /** The native library numbers added tokens on its own; what a file says must be what comes of that. */
    private void checkAdded(List<String> problems) {
        Set<String> seen = new HashSet<>();
        int next = ids.size();
        for (AddedToken token : added) {
            String name = CheckpointFormatException.quote(token.content());
            if (token.content().isEmpty() || token.content().length() > MAX_TOKEN_LENGTH) {
                problems.add("an added token must have 1 to " + MAX_TOKEN_LENGTH + " characters but " + name + " has "
                        + token.content().length());
            }
            if (!seen.add(token.content())) {
                problems.add("the added token " + name + " stands there twice");
            }
            Integer known = ids.get(token.content());
            int expected = known == null ? next++ : known;
            if (token.id() != expected) {
                problems.add("the added token " + name + " must have the id " + expected + " but has " + token.id());
            }
        }
    }

    /** Returns the definition for the native library. */
    String definition() {
        JsonObject json = JsonParser.parseString(FRAME).getAsJsonObject();
        JsonObject split = json.getAsJsonObject("pre_tokenizer")
                .getAsJsonArray("pretokenizers")
                .get(0)
                .getAsJsonObject();
        split.getAsJsonObject("pattern").addProperty("Regex", pattern);
        JsonObject processor = json.getAsJsonObject("post_processor");
        processor.add("sep", tokenAndId(end));
        processor.add("cls", tokenAndId(start));
        JsonArray tokens = new JsonArray();
        added.forEach(token -> tokens.add(definition(token)));
        json.add("added_tokens", tokens);
        JsonObject model = json.getAsJsonObject("model");
        model.addProperty("unk_token", unknown);
        model.addProperty("end_of_word_suffix", SUFFIX);
        JsonObject vocabulary = new JsonObject();
        ids.forEach(vocabulary::addProperty);
        model.add("vocab", vocabulary);
        JsonArray pairs = new JsonArray();
        merges.forEach(merge -> pairs.add(merge.left() + " " + merge.right()));
        model.add("merges", pairs);
        return json.toString();
    }

    private JsonArray tokenAndId(String token) {
        JsonArray pair = new JsonArray();
        pair.add(token);
        pair.add(requiredId(token));
        return pair;
    }

    private static JsonElement definition(AddedToken token) {
        JsonObject out = new JsonObject();
        out.addProperty("id", token.id());
        out.addProperty("content", token.content());
        out.addProperty("single_word", token.singleWord());
        out.addProperty("lstrip", token.leftStrip());
        out.addProperty("rstrip", token.rightStrip());
        out.addProperty("normalized", token.normalized());
        out.addProperty("special", true);
        return out;
    }

    /** Returns the added tokens with those of {@code more} whose content is new, numbered as the native library does. */
    static List<AddedToken> join(Map<String, Integer> ids, List<AddedToken> first, List<AddedToken> more) {
        List<AddedToken> out = new ArrayList<>(first);
        Set<String> seen = new HashSet<>();
        first.forEach(token -> seen.add(token.content()));
        int next = ids.size()
                + (int) first.stream()
                        .filter(t -> !ids.containsKey(t.content()))
                        .count();
        for (AddedToken token : more) {
            if (seen.add(token.content())) {
                Integer known = ids.get(token.content());
                out.add(token.withId(known == null ? next++ : known));
            }
        }
        return out;
    }
}
