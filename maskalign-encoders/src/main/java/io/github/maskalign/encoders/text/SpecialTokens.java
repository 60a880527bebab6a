package io.github.maskalign.encoders.text;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.StrictJson;
import io.github.maskalign.encoders.text.TokenizerJson.AddedToken;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Start, end, unknown and padding tokens, by the files beside a vocabulary: {@code tokenizer_config.json}, and
 * {@code special_tokens_map.json}, which goes before it unless the former is of the newer kind that lists added tokens.
 * Without them CLIP's own tokens.
 *
 * @param named the four by the names {@code bos_token}, {@code eos_token}, {@code unk_token} and {@code pad_token}
 * @param listed added tokens that {@code tokenizer_config.json} lists
 */
record SpecialTokens(Map<String, AddedToken> named, List<AddedToken> listed) {
    private static final String CONFIG = "tokenizer_config.json";
    private static final String MAP = "special_tokens_map.json";
    private static final String DECODER = "added_tokens_decoder";
    private static final List<String> NAMES = List.of("bos_token", "eos_token", "unk_token", "pad_token");

    static SpecialTokens read(Path folder) throws IOException {
        Map<String, AddedToken> named = new LinkedHashMap<>();
        for (String name : NAMES) {
            named.put(name, plain(name.equals("bos_token") ? ClipVocabulary.START : ClipVocabulary.END));
        }
        List<AddedToken> listed = new ArrayList<>();
        boolean newer = false;
        Path config = folder.resolve(CONFIG);
        if (Files.exists(config)) {
            List<String> problems = new ArrayList<>();
            JsonFields fields = new JsonFields("", StrictJson.read(config), problems);
            names(fields, named);
            newer = fields.has(DECODER);
            if (newer) {
                listed(fields.object(DECODER), listed, problems);
            }
            throwIfAny(config, problems);
        }
        Path map = folder.resolve(MAP);
        if (!newer && Files.exists(map)) {
            List<String> problems = new ArrayList<>();
            names(new JsonFields("", StrictJson.read(map), problems), named);
            throwIfAny(map, problems);
        }
        return new SpecialTokens(named, listed);
    }

    String content(String name) {
        AddedToken token = named.get(name);
        if (token == null) {
            throw new IllegalArgumentException("there is no special token " + name);
        }
        return token.content();
    }

    /** Returns all as added tokens: the listed ones first, and of two that look alike the later one's rules. */
    List<AddedToken> added(Map<String, Integer> ids) {
        Map<String, AddedToken> later = new LinkedHashMap<>();
        named.values().forEach(token -> later.put(token.content(), token));
        return ClipVocabulary.join(ids, listed, List.copyOf(later.values()));
    }

    private static void names(JsonFields fields, Map<String, AddedToken> named) {
        for (String name : NAMES) {
            if (fields.has(name)) {
                named.put(
                        name,
                        JsonFields.isText(fields.get(name)) ? plain(fields.text(name)) : token(fields.object(name), 0));
            }
        }
    }

    private static void listed(JsonFields decoder, List<AddedToken> out, List<String> problems) {
        for (String id : decoder.keys()) {
            if (id.length() > 7 || id.isEmpty() || !id.chars().allMatch(c -> c >= '0' && c <= '9')) {
                problems.add(
                        "the keys of " + DECODER + " must be ids but one is " + CheckpointFormatException.quote(id));
            } else {
                out.add(token(decoder.object(id), Integer.parseInt(id)));
            }
        }
        out.sort(Comparator.comparingInt(AddedToken::id));
    }

    private static AddedToken plain(String content) {
        return new AddedToken(content, 0, false, false, false, false);
    }

    static AddedToken token(JsonFields fields, int id) {
        return new AddedToken(
                fields.text("content"),
                id,
                fields.flag("single_word", false),
                fields.flag("lstrip", false),
                fields.flag("rstrip", false),
                fields.flag("normalized", true));
    }

    static void throwIfAny(Path file, List<String> problems) throws CheckpointFormatException {
        if (!problems.isEmpty()) {
            throw new CheckpointFormatException(file.toString(), problems);
        }
    }
}
