package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.metrics.JsonlSink;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
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

    @Test
    void fewRecordsStayAsTheyAre() throws IOException {
        Path stats = folder.resolve("stats.jsonl");
        StringBuilder lines = new StringBuilder();
        double[] expected = new double[CurveWindows.MOST];
        for (int i = 0; i < expected.length; i++) {
            expected[i] = Math.sin(i);
            lines.append("{\"step\":")
                    .append(10 * i)
                    .append(",\"loss\":")
                    .append(expected[i])
                    .append("}\n");
        }
        lines.append("{\"step\":70,\"loss\":7}\n"); // the last of a step counts
        expected[7] = 7;
        Files.writeString(stats, lines);

        Curve loss = StatsFile.read(stats).curves(List.of("loss")).get(0);

        assertThat(loss.values()).isEqualTo(expected);
        assertThat(loss.steps()[7]).isEqualTo(70);
        assertThat(loss.measured()).isSameAs(loss);
    }

    @Test
    void manyRecordsBecomeWindowsWithTheirMeansAndExtremes() throws IOException {
        Path stats = folder.resolve("stats.jsonl");
        int records = 100_000;
        StringBuilder lines = new StringBuilder();
        for (int i = 1; i <= records; i++) { // 2 and 4 in turn, a gap, a spike up and one down
            String value = i % 2 == 0 ? "2" : "4";
            value = i == 50_000 ? "\"NaN\"" : i == 60_001 ? "1000" : i == 70_001 ? "-1000" : value;
            lines.append("{\"step\":")
                    .append(i)
                    .append(",\"loss\":")
                    .append(value)
                    .append("}\n");
        }
        Files.writeString(stats, lines);

        StatsFile read = StatsFile.read(stats);

        Curve loss = read.curves(List.of("loss")).get(0);
        assertThat(loss.values()).hasSizeBetween(CurveWindows.MOST / 2, CurveWindows.MOST);
        assertThat(loss.steps()).isSorted();
        assertThat(loss.steps()[0]).isLessThan(100);
        assertThat(loss.steps()[loss.steps().length - 1]).isGreaterThan(records - 100);
        assertThat(Arrays.stream(loss.values())
                        .filter(v -> Math.abs(v - 3) < 1.5)
                        .count())
                .isEqualTo(loss.values().length - 2); // but for the windows of the spikes
        Curve measured = loss.measured();
        assertThat(measured.values()).hasSize(2 * loss.values().length).doesNotContain(Double.NaN);
        assertThat(measured.steps()).isSorted();
        assertThat(valueAt(measured, 60_001)).isEqualTo(1000);
        assertThat(valueAt(measured, 70_001)).isEqualTo(-1000);
        assertThat(StatsFile.steps(stats, "loss")).hasSize(records);
        assertThat(read.damaged()).isZero();
    }

    @Test
    void windowsWithoutANumberAreGaps() {
        CurveWindows windows = new CurveWindows();
        for (int i = 0; i < 4 * CurveWindows.MOST; i++) {
            windows.add(i, i < 2 * CurveWindows.MOST ? 1 : Double.NaN);
        }

        double[] values = windows.curve("loss").values();

        assertThat(values[0]).isEqualTo(1);
        assertThat(values[values.length - 1]).isNaN();
    }

    private static double valueAt(Curve curve, double step) {
        return curve.values()[Arrays.binarySearch(curve.steps(), step)];
    }
}
