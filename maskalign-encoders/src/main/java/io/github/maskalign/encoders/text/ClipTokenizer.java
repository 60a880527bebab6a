package io.github.maskalign.encoders.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import io.github.maskalign.core.files.CheckpointFormatException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * CLIP's byte-level BPE: captions to token ids, the same that transformers' {@code CLIPTokenizer} gives with
 * {@code padding="max_length", truncation=True}.
 *
 * <p>{@code <|startoftext|>}, at most T − 2 tokens of the caption, {@code <|endoftext|>}, then the padding token. A
 * caption that is longer loses its end. The text is normalised (NFC, one space for any white space, lower case), and a
 * special token that is spelled out in it counts as that token.
 *
 * <p>The work is done by Hugging Face's tokenizers, a native library in DJL's jar, which DJL copies to its cache folder. That
 * jar, {@code ai.djl.huggingface:tokenizers}, is an optional dependency: a program that reads captions names it itself.
 */
public final class ClipTokenizer implements AutoCloseable {
    /** Longest caption in UTF-16 units; far more than any model reads. */
    public static final int MAX_CHARACTERS = 1 << 16;

    /** Cutting and padding is done here, so that it can be counted. */
    private static final Map<String, String> OPTIONS =
            Map.of("addSpecialTokens", "true", "truncation", "false", "padding", "false");

    private final HuggingFaceTokenizer tokenizer;
    private final ClipVocabulary vocabulary;
    private final int length;

    private ClipTokenizer(HuggingFaceTokenizer tokenizer, ClipVocabulary vocabulary, int length) {
        this.tokenizer = tokenizer;
        this.vocabulary = vocabulary;
        this.length = length;
    }

    /**
     * Token ids of N captions.
     *
     * @param ids N rows of T
     * @param counts for each caption its tokens with start and end, at most T; the rest of the row is padding
     * @param truncated how many captions lost their end
     */
    public record Tokens(long[][] ids, int[] counts, int truncated) {}

    /**
     * Opens a tokenizer.
     *
     * @param folder has {@code tokenizer.json}, or {@code vocab.json} and {@code merges.txt}; and, where they were
     *     published, {@code tokenizer_config.json} and {@code special_tokens_map.json}
     * @param length T, at least 2
     * @throws CheckpointFormatException if the files are damaged or of another kind of tokenizer
     * @throws IllegalStateException if the tokenizers library is not on the class path
     */
    public static ClipTokenizer open(Path folder, int length) throws IOException {
        if (length < 2) {
            throw new IllegalArgumentException("length must be at least 2 but was " + length);
        }
        ClipVocabulary vocabulary = VocabularyFiles.read(folder);
        byte[] definition = vocabulary.definition().getBytes(StandardCharsets.UTF_8);
        try {
            HuggingFaceTokenizer tokenizer =
                    HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(definition), OPTIONS);
            return new ClipTokenizer(tokenizer, vocabulary, length);
        } catch (NoClassDefFoundError e) {
            throw new IllegalStateException(
                    "captions need ai.djl.huggingface:tokenizers, an optional dependency: add it, in DJL's version,"
                            + " to the dependencies of the program",
                    e);
        } catch (RuntimeException e) { // all that the native library throws
            throw new CheckpointFormatException(
                    folder, "the tokenizers library refuses the vocabulary: " + e.getMessage(), e);
        }
    }

    /** Returns T. */
    public int length() {
        return length;
    }

    /** Returns the id of the token behind every caption. */
    public int endId() {
        return vocabulary.requiredId(vocabulary.end());
    }

    /** Returns the id that fills captions up. */
    public int padId() {
        return vocabulary.requiredId(vocabulary.pad());
    }

    /** Returns the highest id there is. */
    public int highestId() {
        return vocabulary.highestId();
    }

    /**
     * Cuts captions into tokens.
     *
     * @throws IllegalArgumentException if there is no caption, or one is no text or longer than
     *     {@link #MAX_CHARACTERS}
     */
    public Tokens encode(List<String> captions) {
        Captions.require(captions, MAX_CHARACTERS);
        long[][] ids = new long[captions.size()][];
        int[] counts = new int[captions.size()];
        int truncated = 0;
        for (int i = 0; i < ids.length; i++) {
            long[] all = tokenizer.encode(captions.get(i)).getIds();
            ids[i] = Arrays.copyOf(all, length);
            counts[i] = Math.min(all.length, length);
            if (all.length > length) {
                ids[i][length - 1] = endId();
                truncated++;
            }
            Arrays.fill(ids[i], counts[i], length, padId());
        }
        return new Tokens(ids, counts, truncated);
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
