package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.files.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** encode-text with a small model that transformers saved. */
class EncodeTextCommandTest {
    private static final Path MODELS = Path.of("../maskalign-encoders/src/test/resources/golden/clip-text");
    private static final String MODEL = MODELS.resolve("projection").toString();

    @TempDir
    Path folder;

    private final CommandRun command = new CommandRun();

    @Test
    void captionsAreShownWithTheirTokensAndCosines() {
        assertThat(run("encode-text", "--model", MODEL, "a photo of a cat", "a photo of a cat", "tab\there"))
                .isZero();

        assertThat(command.out())
                .contains("captions   3, of which 0 were cut", "tokens     (3, 77, 24)", "pooled     (3, 10)")
                .contains("tab?here")
                .containsPattern("cosine of the pooled vectors\\R  1\\.0000  1\\.0000 ");
    }

    @Test
    void fileHoldsWhatOneBatchWouldGive() throws Exception {
        Path captions = folder.resolve("captions.txt");
        Files.writeString(captions, "a cat\n\nthree birds on a wire\n" + "x ".repeat(100) + "\n");
        Path small = folder.resolve("small.safetensors");
        Path large = folder.resolve("large.safetensors");

        assertThat(run(
                        "encode-text",
                        "--model",
                        MODEL,
                        "--captions",
                        captions.toString(),
                        "--out",
                        small.toString(),
                        "--batch",
                        "3",
                        "first one"))
                .isZero();
        assertThat(run(
                        "encode-text",
                        "--model",
                        MODEL,
                        "--captions",
                        captions.toString(),
                        "--out",
                        large.toString(),
                        "first one"))
                .isZero();

        try (NDManager manager = NDManager.newBaseManager();
                SafetensorsFile a = SafetensorsFile.open(small);
                SafetensorsFile b = SafetensorsFile.open(large)) {
            assertThat(a.stateDict().shapes())
                    .containsOnlyKeys("tokens", "pooled", "ids", "mask")
                    .containsEntry("tokens", new Shape(5, 77, 24))
                    .containsEntry("pooled", new Shape(5, 10))
                    .containsEntry("ids", new Shape(5, 77))
                    .containsEntry("mask", new Shape(5, 77));
            for (String name : List.of("ids", "mask")) {
                assertThat(a.read(name, manager)).isEqualTo(b.read(name, manager));
            }
            for (String name : List.of("tokens", "pooled")) {
                // the same sums, at most in another order
                assertThat(a.read(name, manager).allClose(b.read(name, manager), 1e-5, 1e-5, false))
                        .isTrue();
            }
            // start, the two words, end; and the empty line is a caption too
            assertThat(a.read("mask", manager).sum(new int[] {1}).toLongArray()[2])
                    .isEqualTo(2);
            assertThat(a.metadata())
                    .containsEntry("model", "model.safetensors")
                    .containsEntry("precision", "float32")
                    .containsEntry("truncated", "1");
            assertThat(a.metadata().get("model_sha256")).matches("[0-9a-f]{64}");
        }
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).containsExactlyInAnyOrder(captions, small, large);
        }
    }

    @Test
    void jsonIsOneObject() {
        assertThat(run("encode-text", "--model", MODEL, "--json", "--precision", "bfloat16", "a", "b"))
                .isZero();

        JsonObject object = JsonParser.parseString(command.out()).getAsJsonObject();
        assertThat(object.get("captions").getAsInt()).isEqualTo(2);
        assertThat(object.get("truncated").getAsInt()).isZero();
        assertThat(object.get("length").getAsInt()).isEqualTo(77);
        assertThat(object.get("width").getAsInt()).isEqualTo(24);
        assertThat(object.get("pooled_width").getAsInt()).isEqualTo(10);
        assertThat(object.getAsJsonArray("token_counts")).hasSize(2);
        assertThat(object.getAsJsonArray("cosine")).hasSize(2);
        assertThat(object.get("model_sha256").getAsString()).hasSize(64);
    }

    @Test
    void whatIsWrongIsOneLineAndExitCodeTwo() throws Exception {
        Path latin = Files.write(folder.resolve("latin.txt"), new byte[] {(byte) 0xe9});
        Path none = folder.resolve("none.txt");

        refuses("give captions, or a file of them with --captions", MODEL);
        refuses("--batch must be at least 1 but was 0", MODEL, "--batch", "0", "a");
        refuses(
                "--out must end in .safetensors but was " + folder.resolve("a.txt"),
                MODEL,
                "--out",
                folder.resolve("a.txt"),
                "a");
        refuses(
                "the folder of --out does not exist: " + folder.resolve("no"),
                MODEL,
                "--out",
                folder.resolve("no/a.safetensors"),
                "a");
        refuses("file not found: " + folder.resolve("config.json"), folder, "a");
        refuses("file not found: " + none, MODEL, "--captions", none);
        refuses(latin + " must be UTF-8 text", MODEL, "--captions", latin);
    }

    private void refuses(String message, Object model, Object... args) {
        Stream<Object> words = Stream.of("encode-text", "--model", model);
        assertThat(command.run(Stream.concat(words, Stream.of(args)).toArray())).isEqualTo(2);
        assertThat(command.err().lines()).containsExactly("error: " + message);
    }

    @Test
    void failedRunLeavesWhatWasThere() throws IOException {
        Path target = folder.resolve("captions.safetensors");
        Files.writeString(target, "before");

        assertThat(run("encode-text", "--model", MODEL, "--out", target.toString(), "a".repeat(70_000)))
                .isEqualTo(2);

        assertThat(target).hasContent("before");
        assertThat(command.err()).contains("at most 65536 characters but caption 0 has 70000");
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).containsExactly(target);
        }
    }

    private int run(Object... args) {
        return command.run(args);
    }
}
