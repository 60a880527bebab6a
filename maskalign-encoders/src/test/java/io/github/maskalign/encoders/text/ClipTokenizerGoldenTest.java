package io.github.maskalign.encoders.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares with transformers' CLIPTokenizer. */
class ClipTokenizerGoldenTest {
    private static final int LENGTH = 77;
    private static final Path GOLDEN = Path.of("src", "test", "resources", "golden", "clip-text");
    private static final Path TOKENIZERS = GOLDEN.resolve("tokenizers");

    @ParameterizedTest
    @ValueSource(strings = {"current", "older", "bare", "diffusion-1", "diffusion-2", "listed", "extended"})
    void idsAreThoseOfTransformersForEveryCaption(String name) throws Exception {
        JsonObject golden = golden();
        JsonObject expected = golden.getAsJsonObject("ids").getAsJsonObject(name);
        JsonArray rows = expected.getAsJsonArray("rows");
        List<String> captions = captions(golden);
        assertThat(captions).hasSizeGreaterThan(95);

        try (ClipTokenizer tokenizer = ClipTokenizer.open(TOKENIZERS.resolve(name), LENGTH)) {
            ClipTokenizer.Tokens tokens = tokenizer.encode(captions);

            assertThat(tokenizer.padId()).isEqualTo(expected.get("pad").getAsInt());
            SoftAssertions all = new SoftAssertions();
            for (int i = 0; i < captions.size(); i++) {
                String row = rows.get(i).getAsString();
                all.assertThat(withoutTail(tokens.ids()[i]))
                        .as("caption %d '%s'", i, captions.get(i))
                        .isEqualTo(row);
                all.assertThat(tokens.ids()[i]).hasSize(LENGTH);
            }
            all.assertAll();
        }
    }

    @Test
    void longCaptionsKeepTheirStartAndAreCounted() throws Exception {
        try (ClipTokenizer tokenizer = ClipTokenizer.open(TOKENIZERS.resolve("current"), LENGTH)) {
            // one token a word: 75 fit between start and end
            ClipTokenizer.Tokens tokens =
                    tokenizer.encode(List.of("x ".repeat(75), "x ".repeat(76), "x ".repeat(10_000), ""));

            assertThat(tokens.counts()).containsExactly(77, 77, 77, 2);
            assertThat(tokens.truncated()).isEqualTo(2);
            assertThat(tokens.ids()[1]).isEqualTo(tokens.ids()[0]).endsWith(tokenizer.endId());
            assertThat(tokens.ids()[2]).isEqualTo(tokens.ids()[0]);
        }
    }

    @Test
    void otherLengthsCutElsewhere() throws Exception {
        try (ClipTokenizer tokenizer = ClipTokenizer.open(TOKENIZERS.resolve("current"), 4)) {
            ClipTokenizer.Tokens tokens = tokenizer.encode(List.of("x x x x", "x"));

            assertThat(tokens.ids()[0]).hasSize(4).endsWith(tokenizer.endId());
            assertThat(tokens.counts()).containsExactly(4, 3);
        }
    }

    @Test
    void whatIsNoCaptionIsRefused() throws Exception {
        try (ClipTokenizer tokenizer = ClipTokenizer.open(TOKENIZERS.resolve("current"), LENGTH)) {
            assertThatThrownBy(() -> tokenizer.encode(List.of()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("there must be at least one caption but was none");
            assertThatThrownBy(() -> tokenizer.encode(List.of("fine", "half \ud83d a pair")))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("caption 1 has half a surrogate pair, which is no text");
            assertThatThrownBy(() -> tokenizer.encode(List.of("a".repeat(ClipTokenizer.MAX_CHARACTERS + 1))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("at most 65536 characters but caption 0 has 65537");
        }
        assertThatThrownBy(() -> ClipTokenizer.open(TOKENIZERS.resolve("current"), 1))
                .hasMessage("length must be at least 2 but was 1");
    }

    @Test
    void longestCaptionIsReadInReasonableTime() throws Exception {
        try (ClipTokenizer tokenizer = ClipTokenizer.open(TOKENIZERS.resolve("current"), LENGTH)) {
            String word = "abcdefghij".repeat(ClipTokenizer.MAX_CHARACTERS / 10);
            long before = System.nanoTime();

            ClipTokenizer.Tokens tokens = tokenizer.encode(List.of(word));

            assertThat(tokens.truncated()).isEqualTo(1);
            // a tenth of a second here; a quadratic merge would take minutes
            assertThat((System.nanoTime() - before) / 1e9).isLessThan(10);
        }
    }

    static JsonObject golden() throws IOException {
        return JsonParser.parseString(Files.readString(GOLDEN.resolve("ids.json")))
                .getAsJsonObject();
    }

    static List<String> captions(JsonObject golden) {
        List<String> out = new ArrayList<>();
        golden.getAsJsonArray("captions").forEach(caption -> out.add(caption.getAsString()));
        return out;
    }

    private static String withoutTail(long[] row) {
        int end = row.length;
        while (end > 1 && row[end - 1] == row[end - 2]) {
            end--;
        }
        return Arrays.toString(Arrays.copyOf(row, end)).replaceAll("[\\[\\],]", "");
    }
}
