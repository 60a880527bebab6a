package io.github.maskalign.encoders.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.files.CheckpointFormatException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Tokenizers that are no CLIP tokenizers, or would lead the native library into trouble. */
class HostileTokenizerTest {
    private static final Path TOKENIZERS = Path.of("src", "test", "resources", "golden", "clip-text", "tokenizers");

    @TempDir
    Path folder;

    static Stream<Arguments> changes() {
        return Stream.of(
                change(
                        "normalizer.type must be \"Sequence\" but is",
                        j -> j.getAsJsonObject("normalizer").addProperty("type", "Precompiled")),
                change("normalizer must be an object but is \"null\"", j -> j.add("normalizer", null)),
                change(
                        "normalizer.normalizers must be a list of 3",
                        j -> j.getAsJsonObject("normalizer")
                                .getAsJsonArray("normalizers")
                                .remove(0)),
                change(
                        "pre_tokenizer.pretokenizers[0].pattern.Regex must be",
                        j -> split(j).getAsJsonObject("pattern").addProperty("Regex", "(a+)+$")),
                change(
                        "pre_tokenizer.pretokenizers[0].invert must be true",
                        j -> split(j).addProperty("invert", false)),
                change(
                        "post_processor.type must be \"RobertaProcessing\"",
                        j -> j.getAsJsonObject("post_processor").addProperty("type", "TemplateProcessing")),
                change(
                        "post_processor.sep must be a list of a token and its id",
                        j -> j.getAsJsonObject("post_processor").add("sep", new JsonArray())),
                change(
                        "model.type must be \"BPE\" or null but is \"\"Unigram\"\"",
                        j -> model(j).addProperty("type", "Unigram")),
                change("model.dropout must be null", j -> model(j).addProperty("dropout", 0.5)),
                // the native library would cut four bytes off every token and end the JVM where there are fewer
                change(
                        "model.continuing_subword_prefix must be \"\" or null but is",
                        j -> model(j).addProperty("continuing_subword_prefix", "####")),
                change("model.end_of_word_suffix must be \"</w>\"", j -> model(j).remove("end_of_word_suffix")),
                change("model.byte_fallback must be false", j -> model(j).addProperty("byte_fallback", true)),
                change(
                        "the id of the token \"a\" must be a whole number but is \"1.5\"",
                        j -> ids(j).addProperty("a", 1.5)),
                change(
                        "ids must be distinct and in [0, 714), the number of tokens, but \"b\" has",
                        j -> ids(j).add("b", ids(j).get("a"))),
                change("but \"a\" has 5000", j -> ids(j).addProperty("a", 5000)),
                change("but \"a\" has -1", j -> ids(j).addProperty("a", -1)),
                change("a key must have at most 512 characters", j -> ids(j).addProperty("x".repeat(513), 714)),
                change(
                        "a merge must be two tokens but is \"[\"a\"]\"",
                        j -> merges(j).add(list("a"))),
                change(
                        "the merge of \"q\" and \"q\" needs the token \"qq\"",
                        j -> merges(j).add(list("q", "q"))),
                change(
                        "the unknown token \"nothing\" is not in the vocabulary",
                        j -> model(j).addProperty("unk_token", "nothing")),
                change("an added token must have 1 to 512 characters but \"\" has 0", j -> added(j, "", 714)),
                change("the added token \"brand-new\" must have the id 714 but has 9", j -> added(j, "brand-new", 9)),
                change("the added token \"<|endoftext|>\" stands there twice", j -> added(j, "<|endoftext|>", 713)),
                change("version must be \"1.0\"", j -> j.addProperty("version", "2.0")),
                change("\"surprise\" is not known to this version", j -> j.addProperty("surprise", 1)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("changes")
    void otherTokenizersAreRefusedByName(String message, Consumer<JsonObject> change) throws Exception {
        JsonObject json = golden();
        change.accept(json);
        refused(json.toString()).hasMessageContaining(message);
    }

    @Test
    void allThatDiffersIsToldAtOnce() throws Exception {
        JsonObject json = golden();
        model(json).addProperty("type", "WordPiece");
        json.getAsJsonObject("post_processor").addProperty("type", "BertProcessing");

        refused(json.toString())
                .hasMessageContaining("2 problems")
                .hasMessageContaining("model.type")
                .hasMessageContaining("post_processor.type");
    }

    @Test
    void whatIsNoJsonIsRefused() throws Exception {
        refused("").hasMessageContaining("not valid JSON");
        refused("[]").hasMessageContaining("must be an object but is an array");
        refused("{} {}").hasMessageContaining("not valid JSON");
        refused("{\"a\": 1, \"a\": 2}").hasMessageContaining("the key \"a\" stands twice in one object");
        refused("{\"a\": NaN}").hasMessageContaining("not valid JSON");
        refused("\ufeff{}").hasMessageContaining("must not start with a byte order mark");
        refused("{\"a\": \"\\ud800\"}").hasMessageContaining("half a surrogate pair");
        refused("{\"a\": " + "[".repeat(100_000)).hasMessageContaining("nested at most 64 deep");
        refused("{\"a\": [" + "1,".repeat(2_100_000) + "1]}").hasMessageContaining("at most 2000000 values");
        Files.write(folder.resolve("tokenizer.json"), new byte[] {'{', (byte) 0xff, '}'});
        refusedAsItIs().hasMessageContaining("must be UTF-8 text");
    }

    @Test
    void hugeFilesAreNotRead() throws Exception {
        try (RandomAccessFile file =
                new RandomAccessFile(folder.resolve("tokenizer.json").toFile(), "rw")) {
            file.setLength(5L << 30);
        }
        refusedAsItIs().hasMessageContaining("must have at most 16777216 bytes but has 5368709120");
    }

    @Test
    void foldersWithoutTokenizerSayWhatIsMissing() {
        refusedAsItIs().hasMessageContaining("has neither tokenizer.json nor vocab.json and merges.txt");
    }

    @Test
    void linesOfMergesAreChecked() throws Exception {
        for (String name : new String[] {"vocab.json", "merges.txt"}) {
            Files.copy(TOKENIZERS.resolve("bare").resolve(name), folder.resolve(name));
        }
        Files.writeString(folder.resolve("merges.txt"), "#version: 0.2\ni n\nthree tokens here\n");

        refusedAsItIs()
                .hasMessageContaining(
                        "merges.txt: line 3 must be two tokens with a space between but is" + " \"three tokens here\"");
    }

    @Test
    void configsBesideAreChecked() throws Exception {
        Files.writeString(folder.resolve("tokenizer.json"), golden().toString());
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"pad_token\": 5}");
        refusedAsItIs().hasMessageContaining("tokenizer_config.json: pad_token must be an object but is \"5\"");

        Files.writeString(
                folder.resolve("tokenizer_config.json"), "{\"added_tokens_decoder\": {\"x\": {\"content\": \"y\"}}}");
        refusedAsItIs().hasMessageContaining("the keys of added_tokens_decoder must be ids but one is \"x\"");
    }

    @Test
    void paddingTokenThatIsNewGetsTheNextId() throws Exception {
        Files.writeString(folder.resolve("tokenizer.json"), golden().toString());
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"pad_token\": \"<|fill|>\"}");

        try (ClipTokenizer tokenizer = ClipTokenizer.open(folder, 5)) {
            assertThat(tokenizer.padId()).isEqualTo(714);
            assertThat(tokenizer.highestId()).isEqualTo(714);
        }
    }

    private static Arguments change(String message, Consumer<JsonObject> change) {
        return Arguments.of(message, change);
    }

    private static JsonObject golden() throws IOException {
        String text = Files.readString(TOKENIZERS.resolve("current/tokenizer.json"), StandardCharsets.UTF_8);
        return JsonParser.parseString(text).getAsJsonObject();
    }

    private static JsonObject split(JsonObject json) {
        return json.getAsJsonObject("pre_tokenizer")
                .getAsJsonArray("pretokenizers")
                .get(0)
                .getAsJsonObject();
    }

    private static JsonObject model(JsonObject json) {
        return json.getAsJsonObject("model");
    }

    private static JsonObject ids(JsonObject json) {
        return model(json).getAsJsonObject("vocab");
    }

    private static JsonArray merges(JsonObject json) {
        return model(json).getAsJsonArray("merges");
    }

    private static JsonArray list(String... tokens) {
        JsonArray out = new JsonArray();
        for (String token : tokens) {
            out.add(token);
        }
        return out;
    }

    private static void added(JsonObject json, String content, int id) {
        JsonObject token = new JsonObject();
        token.addProperty("content", content);
        token.addProperty("id", id);
        json.getAsJsonArray("added_tokens").add(token);
    }

    private AbstractThrowableAssert<?, ?> refused(String text) throws IOException {
        Files.writeString(folder.resolve("tokenizer.json"), text);
        return refusedAsItIs();
    }

    private AbstractThrowableAssert<?, ?> refusedAsItIs() {
        return assertThatThrownBy(() -> ClipTokenizer.open(folder, 77).close())
                .isInstanceOf(CheckpointFormatException.class);
    }
}
