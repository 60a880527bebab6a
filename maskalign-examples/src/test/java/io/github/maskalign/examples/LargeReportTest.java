package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.sit.run.RunConfig;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A report of a run of a million records fits into 256 MB. */
@Tag("slow")
class LargeReportTest {
    private static final int RECORDS = 1_000_000;

    @TempDir
    Path folder;

    @Test
    void reportOfAMillionRecordsFitsIntoASmallHeap() throws Exception {
        String yaml = ConfigBinder.bind(
                        Path.of("..", "configs", "emoji-32.yaml"), List.of("train.steps=" + RECORDS), RunConfig.class)
                .yaml();
        Files.writeString(folder.resolve("config.yaml"), yaml);
        try (Writer stats = Files.newBufferedWriter(folder.resolve("stats.jsonl"), StandardCharsets.UTF_8)) {
            for (int i = 1; i <= RECORDS; i++) {
                double loss = 0.5 + 1.0 / i + 0.1 * Math.sin(i);
                stats.write("{\"step\":" + i + ",\"time\":" + (1.7e9 + i) + ",\"loss\":" + loss + ",\"loss/velocity\":"
                        + loss + ",\"loss/align\":" + -loss + ",\"grad_norm\":" + loss
                        + ",\"lr\":1.0E-4,\"applied\":1.0,\"skipped\":0.0,\"seconds\":0.1,\"seconds/data\":0.01,"
                        + "\"seconds/model\":0.08,\"seconds/update\":0.01,\"seconds/rest\":0.0,"
                        + "\"memory/resident_mb\":900.5,\"memory/peak_mb\":950.25}\n");
            }
        }
        Path output = folder.resolve("output.txt");
        Path page = folder.resolve("page.html");
        ProcessBuilder builder = ChildJvm.builder(
                Main.class, "report", folder.toString(), "--out=" + page, "--png=" + folder.resolve("charts"));
        builder.command().set(1, "-Xmx256m");
        Process process = builder.redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();

        assertThat(process.waitFor(10, TimeUnit.MINUTES)).isTrue();

        assertThat(process.exitValue()).as(Files.readString(output)).isZero();
        assertThat(page).content().contains("Velocity loss", "Gradient norm");
        assertThat(folder.resolve("charts/loss.png")).isNotEmptyFile();
    }
}
