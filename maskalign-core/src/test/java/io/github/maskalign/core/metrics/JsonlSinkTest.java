package io.github.maskalign.core.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.SyncFailedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonlSinkTest {
    private static final Clock NOON = Clock.fixed(Instant.ofEpochMilli(1_700_000_000_250L), ZoneOffset.UTC);

    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void nameFile() {
        file = folder.resolve("stats.jsonl");
    }

    @Test
    void writesOneObjectPerLineInTheOrderOfTheValues() throws IOException {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put("loss", 0.5);
        values.put("alignment", -0.25);

        try (JsonlSink sink = JsonlSink.open(file, 0, NOON)) {
            sink.scalars(1, values);
            sink.scalars(2, Map.of("lr", 1e-4));
        }

        assertThat(file).content().isEqualTo("""
                {"step":1,"time":1700000000.250,"loss":0.5,"alignment":-0.25}
                {"step":2,"time":1700000000.250,"lr":1.0E-4}
                """);
    }

    @Test
    void writesNonFiniteValuesAsStrings() throws IOException {
        try (JsonlSink sink = JsonlSink.open(file, 0, NOON)) {
            sink.scalars(1, Map.of("a", Double.NaN));
            sink.scalars(2, Map.of("a", Double.POSITIVE_INFINITY));
            sink.scalars(3, Map.of("a", Double.NEGATIVE_INFINITY));
        }

        assertThat(Files.readAllLines(file))
                .extracting(line -> line.substring(line.indexOf("\"a\"")))
                .containsExactly("\"a\":\"NaN\"}", "\"a\":\"Infinity\"}", "\"a\":\"-Infinity\"}");
    }

    @Test
    void recordIsInTheFileBeforeTheCallReturns() throws IOException {
        try (JsonlSink sink = JsonlSink.open(file, 0)) {
            sink.scalars(1, Map.of("loss", 0.5));

            assertThat(Files.readAllLines(file)).hasSize(1);
        }
    }

    @Test
    void resumeDropsStepsThatWillComeAgain() throws IOException {
        Files.writeString(file, "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"step\":4}\n");

        try (JsonlSink sink = JsonlSink.open(file, 3, NOON)) {
            sink.scalars(3, Map.of());
        }

        assertThat(Files.readAllLines(file))
                .containsExactly("{\"step\":1}", "{\"step\":2}", "{\"step\":3,\"time\":1700000000.250}");
        assertThat(folder).isDirectoryNotContaining("glob:**.tmp*");
    }

    @Test
    void resumeDropsLaterStepsWhereverTheyStand() throws IOException {
        Files.writeString(file, "{\"step\":5}\n{\"step\":2}\n{\"step\":7}\n{\"step\":3}\n");

        JsonlSink.open(file, 4).close();

        assertThat(Files.readAllLines(file)).containsExactly("{\"step\":2}", "{\"step\":3}");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"step\":2,\"lo", "{", "\0\0\0\0", "{\"step\":2,\"loss\":0.5}"})
    void resumeDropsTornLastLine(String torn) throws IOException {
        Files.writeString(file, "{\"step\":1}\n" + torn);

        JsonlSink.open(file, 100).close();

        assertThat(Files.readString(file)).isEqualTo("{\"step\":1}\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"not json", "[1]", "{\"loss\":1}", "{\"step\":9}{\"step\":9}", "{\"step\":\"x\"}", ""})
    void resumeKeepsWholeLinesItDoesNotUnderstand(String line) throws IOException {
        String content = "{\"step\":1}\n" + line + "\n{\"step\":2}\n";
        Files.writeString(file, content);

        JsonlSink.open(file, 3).close();

        assertThat(Files.readString(file)).isEqualTo(content);
    }

    @Test
    void startAtStepZeroStartsAfresh() throws IOException {
        Files.writeString(file, "{\"step\":0}\n{\"step\":1}\n");

        JsonlSink.open(file, 0).close();

        assertThat(file).isEmptyFile();
    }

    @Test
    void tornRecordOfAnOpenFileIsOverwritten() throws IOException {
        try (JsonlSink sink = JsonlSink.open(file, 0, NOON)) {
            sink.scalars(1, Map.of());
            Files.writeString(file, Files.readString(file) + "{\"step\":2,\"a rather long torn record of a full disk");

            sink.scalars(3, Map.of());
        }

        assertThat(Files.readAllLines(file))
                .containsExactly("{\"step\":1,\"time\":1700000000.250}", "{\"step\":3,\"time\":1700000000.250}");
    }

    @Test
    void interruptedThreadGoesOnWriting() throws IOException {
        try (JsonlSink sink = JsonlSink.open(file, 0)) {
            Thread.currentThread().interrupt();
            sink.scalars(1, Map.of());
            sink.scalars(2, Map.of());
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }

        assertThat(Files.readAllLines(file)).hasSize(2);
    }

    @Test
    void refusesNamesEveryRecordHas() throws IOException {
        try (JsonlSink sink = JsonlSink.open(file, 0)) {
            assertThatThrownBy(() -> sink.scalars(1, Map.of("time", 1.0)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("must not be named 'step' or 'time'");
        }
        assertThat(file).isEmptyFile();
    }

    @Test
    void leftoverOfAnEarlierStartIsInNobodysWay() throws IOException {
        Files.writeString(file, "{\"step\":1}\n{\"step\":2}\n");
        Files.createDirectory(folder.resolve(file.getFileName() + ".tmp")); // nor can it be written to

        JsonlSink.open(file, 2).close();

        assertThat(Files.readString(file)).isEqualTo("{\"step\":1}\n");
    }

    @Test
    void syncAsksTheDisk() throws IOException {
        JsonlSink sink = JsonlSink.open(file, 0);
        sink.scalars(1, Map.of());
        sink.sync();
        sink.close();

        assertThatThrownBy(sink::sync).isInstanceOf(SyncFailedException.class);
    }
}
