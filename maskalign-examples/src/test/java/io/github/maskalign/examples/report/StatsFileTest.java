package io.github.maskalign.examples.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.metrics.JsonlSink;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StatsFileTest {
    @TempDir
    Path folder;

    @Test
    void readsWhatARunRecorded() throws IOException {
        Path stats = folder.resolve("stats.jsonl");
        try (JsonlSink sink = JsonlSink.open(stats, 0)) {
            sink.scalars(10, Map.of("loss", 0.5, "lr", 1e-4));
            sink.scalars(20, Map.of("lr", 1e-4));
            sink.scalars(30, Map.of("loss", Double.POSITIVE_INFINITY));
        }

        List<Curve> curves = StatsFile.read(stats).curves(List.of("lr", "absent", "loss"));

        assertThat(curves).extracting(Curve::label).containsExactly("lr", "loss");
        assertThat(curves.get(1).steps()).containsExactly(10, 30);
        assertThat(curves.get(1).values()).containsExactly(0.5, Double.POSITIVE_INFINITY);
    }

    @Test
    void skipsLinesThatAreNoRecords() throws IOException {
        Path stats = folder.resolve("stats.jsonl");
        Files.writeString(stats, """
                {"step":1,"loss":1}
                broken
                []
                {"loss":2}
                {"step":null,"loss":2}
                {"step":{},"loss":2}
                {"step":2,"loss":null}
                {"step":3,"loss":"many"}
                {"step":4,"loss":4}
                """);
        Files.write(stats, new byte[] {'{', '"', (byte) 0xC3}, StandardOpenOption.APPEND); // half a character

        Curve loss = StatsFile.read(stats).curves(List.of("loss")).get(0);

        assertThat(loss.steps()).containsExactly(1, 4);
        assertThat(loss.values()).containsExactly(1, 4);
    }

    @Test
    void refusesUnevenColumns() {
        assertThatThrownBy(() -> new Curve("loss", new double[2], new double[3]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("curve 'loss' must have as many values as steps but has 3 values and 2 steps");
    }
}
