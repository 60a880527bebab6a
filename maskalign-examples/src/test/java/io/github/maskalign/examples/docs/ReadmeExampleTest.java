package io.github.maskalign.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import io.github.maskalign.examples.imagenet.ReadmeExample;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The program of the README does what it says, and documents show its very lines. */
class ReadmeExampleTest {
    private static final Pattern JAVA_BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);
    private static final Path PROGRAM =
            Path.of("src/main/java/io/github/maskalign/examples/imagenet/ReadmeExample.java");
    private static final int MOST_LINES = 15;

    @TempDir
    Path folder;

    @Test
    void programTrainsAndGoesOn() throws IOException {
        byte[][] pictures = new byte[64][3 * 32 * 32];
        int[] classes = new int[64];
        for (int i = 0; i < 64; i++) {
            classes[i] = i % 8;
            Arrays.fill(pictures[i], 1024 * (i % 3), 1024 * (i % 3) + 1024, (byte) (16 * (i % 8)));
        }

        ReadmeExample.train(pictures, classes, folder, 10);
        ReadmeExample.train(pictures, classes, folder, 20);

        List<String> stats = Files.readAllLines(folder.resolve("stats.jsonl"));
        assertThat(stats).hasSize(2);
        assertThat(alignment(stats.get(1))).isLessThan(alignment(stats.get(0)));
        assertThat(folder.resolve("snapshot-0000020.safetensors")).exists();
    }

    @Test
    void readmeAndHowtoShowTheProgram() throws IOException {
        String source = Files.readString(PROGRAM);
        String program = source.substring(source.indexOf("// README begins") + 16, source.indexOf("// README ends"));
        for (Path document : List.of(Path.of("../README.md"), Path.of("../docs/howto/train-in-your-code.md"))) {
            Matcher block = JAVA_BLOCK.matcher(Files.readString(document));
            assertThat(block.find()).as(document.toString()).isTrue();
            assertThat(block.group(1).lines()).as(document.toString()).hasSizeLessThanOrEqualTo(MOST_LINES);
            assertThat(withoutSpaces(block.group(1))).as(document.toString()).isEqualTo(withoutSpaces(program));
        }
    }

    private static String withoutSpaces(String text) {
        return text.replaceAll("\\s+", "");
    }

    private static double alignment(String line) {
        String key = "loss/align";
        assertThat(line).contains(key);
        return JsonParser.parseString(line).getAsJsonObject().get(key).getAsDouble();
    }
}
