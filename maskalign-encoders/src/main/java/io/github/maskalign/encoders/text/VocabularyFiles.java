package io.github.maskalign.encoders.text;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.StrictJson;
import io.github.maskalign.encoders.text.ClipVocabulary.Merge;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Finds and reads a CLIP vocabulary: {@code tokenizer.json}, or {@code vocab.json} with {@code merges.txt}. */
final class VocabularyFiles {
    private static final String WHOLE = "tokenizer.json";
    private static final String IDS = "vocab.json";
    private static final String MERGES = "merges.txt";

    private VocabularyFiles() {}

    static boolean areIn(Path folder) {
        return Files.exists(folder.resolve(WHOLE))
                || (Files.exists(folder.resolve(IDS)) && Files.exists(folder.resolve(MERGES)));
    }

    static ClipVocabulary read(Path folder) throws IOException {
        SpecialTokens special = SpecialTokens.read(folder);
        if (Files.exists(folder.resolve(WHOLE))) {
            return TokenizerJson.read(folder.resolve(WHOLE), special);
        }
        if (!areIn(folder)) {
            throw new CheckpointFormatException(
                    folder, "the folder has neither " + WHOLE + " nor " + IDS + " and " + MERGES);
        }
        Path file = folder.resolve(IDS);
        List<String> problems = new ArrayList<>();
        Map<String, Integer> ids = TokenizerJson.ids(new JsonFields("", StrictJson.read(file), problems), problems);
        SpecialTokens.throwIfAny(file, problems);
        ClipVocabulary vocabulary = new ClipVocabulary(
                ids,
                merges(folder.resolve(MERGES)),
                special.added(ids),
                special.content("bos_token"),
                special.content("eos_token"),
                special.content("unk_token"),
                special.content("pad_token"),
                ClipVocabulary.PATTERNS.get(0));
        vocabulary.check(problems);
        SpecialTokens.throwIfAny(folder, problems);
        return vocabulary;
    }

    private static List<Merge> merges(Path file) throws IOException {
        List<Merge> out = new ArrayList<>();
        String[] lines = StrictJson.text(file).split("\r?\n", -1);
        for (int i = 0; i < lines.length; i++) {
            boolean heading = i == 0 && lines[i].startsWith("#version");
            if (heading || lines[i].isEmpty()) {
                continue;
            }
            String[] pair = lines[i].split(" ", -1);
            if (pair.length != 2) {
                throw new CheckpointFormatException(
                        file,
                        "line " + (i + 1) + " must be two tokens with a space between but is "
                                + CheckpointFormatException.quote(lines[i]));
            }
            out.add(new Merge(pair[0], pair[1]));
        }
        return out;
    }
}
