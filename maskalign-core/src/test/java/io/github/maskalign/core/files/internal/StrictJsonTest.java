package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import io.github.maskalign.core.files.CheckpointFormatException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The one reader of JSON that others wrote: its bounds, and what it says. */
class StrictJsonTest {
    @TempDir
    Path folder;

    @Test
    void documentsAreReadWhole() throws Exception {
        JsonObject read = StrictJson.read(write(" {\"a\": [1, 2.5, null, true], \"ü\": {\"b\": \"😀\\n\"}} "));

        assertThat(read.toString()).isEqualTo("{\"a\":[1,2.5,null,true],\"ü\":{\"b\":\"😀\\n\"}}");
    }

    @Test
    void everyBoundHolds() throws Exception {
        assertThat(StrictJson.read(write("{\"a\":" + "[".repeat(63) + "]".repeat(63) + "}"))
                        .size())
                .isEqualTo(1);
        refuses("{\"a\":" + "[".repeat(64) + "]".repeat(64) + "}", "values must be nested at most 64 deep");
        refuses("{\"a\":" + "[".repeat(1_000_000), "values must be nested at most 64 deep");
        refuses("{\"a\":\"" + "x".repeat((1 << 20) + 1) + "\"}", "a text must have at most 1048576 characters");
        refuses("{\"a\":\"" + "\\\"".repeat(1 << 20) + "\"}", "a text must have at most 1048576 characters");
        refuses("{\"a\":1" + "0".repeat(1_001) + "}", "a number must have at most 1000 characters");
        refuses("{\"" + "k".repeat(513) + "\":1}", "a key must have at most 512 characters but one is \"kkk");
        refuses("{\"a\":[" + "0,".repeat(2_000_000) + "0]}", "there must be at most 2000000 values");
        refuses(" ".repeat((16 << 20) + 1), "must have at most 16777216 bytes but has 16777217");
    }

    @Test
    void mistakesAreToldByTheirPlaceAlone() throws Exception {
        refuses("{\"a\": 1,\n \"b\": oops}", "the file is not valid JSON: there is a mistake at line 2, column 7");
        refuses("{\"a\": [1", "the file is not valid JSON: it ends too early");
        refuses("{\"a\": NaN}", "the file is not valid JSON: there is a mistake at line 1, column ");
        refuses("{\"a\": 1, \"a\": 2}", "the key \"a\" stands twice in one object");
        refuses("{\"" + "x".repeat(500) + "\": {\"y\": tru}}", "there is a mistake at line 1, column ");
        refuses("{\"a\": 1} 2", "the file is not valid JSON");
        refuses("[1]", "the file must be an object but is an array");
        refuses("", "the file is not valid JSON: it ends too early");
        refuses("\ufeff{}", "the file must not start with a byte order mark");
        refuses("{\"a\": \"\\ud800\"}", "half a surrogate pair: \"\\ud800\"");
        Files.write(folder.resolve("x.json"), "{\"ä\": 1}".getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> StrictJson.read(folder.resolve("x.json"))).hasMessageContaining("must be UTF-8 text");
    }

    @Test
    void streamsMayBeLongerThanDocuments() throws Exception {
        Path file = write("{\"skipped\": {\"deep\": [[1, {\"x\": null}], \"t\"]}, \"list\": ["
                + "\"0123456789abcdef\",".repeat(1_000_000) + "\"\"]}");
        assertThat(Files.size(file)).isGreaterThan(StrictJson.MAX_BYTES);
        int[] count = {0};

        StrictJson.stream(
                file,
                "the list",
                json -> json.object("the list", 5, key -> {
                    if (key.equals("list")) {
                        json.array(
                                key, () -> count[0] += json.string("an element").length());
                    } else {
                        json.skip();
                    }
                }));

        assertThat(count[0]).isEqualTo(16_000_000);
    }

    private void refuses(String content, String reason) throws Exception {
        Path file = write(content);
        assertThatThrownBy(() -> StrictJson.read(file))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContaining(reason)
                .message()
                .hasSizeLessThan(400)
                .doesNotContainIgnoringCase("gson", "Strictness", "lenient");
    }

    private Path write(String content) throws Exception {
        return Files.writeString(folder.resolve("x.json"), content);
    }
}
