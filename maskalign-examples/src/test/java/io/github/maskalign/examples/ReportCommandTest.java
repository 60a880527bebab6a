package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigWriter;
import io.github.maskalign.sit.run.RunConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command on two runs that differ in their seeds. */
class ReportCommandTest {
    private final CommandRun command = new CommandRun();

    @TempDir
    private Path folder;

    private Path first;
    private Path second;

    @BeforeEach
    void writeRuns() throws IOException {
        first = run("a-s0", 0);
        second = run("a-s1", 1);
    }

    @Test
    void filesAreListedAndTheLastLineSaysWhatThePageIsOf() throws IOException {
        Path csv = folder.resolve("numbers.csv");
        Path json = folder.resolve("groups.json");
        Path page = first.resolve("report.html");

        assertThat(command.run("report", first, second, "--csv", csv, "--json", json))
                .as(command.err())
                .isZero();

        assertThat(command.out().lines())
                .containsExactly(
                        page.toString(),
                        csv.toString(),
                        json.toString(),
                        "2 training runs in one group; open " + page.toAbsolutePath() + " in a browser.");
        assertThat(csv).content().startsWith("group,run,seed,step,metric,value\r\na,a-s0,0,1,loss,0.5\r\n");
        assertThat(json).content().contains("\"group\":\"a\"", "\"mean\":0.5,\"sd\":0.0");
        assertThat(page).content().contains("class=\"band r0\"");
    }

    @Test
    void groupsCanBeTurnedOff() throws IOException {
        Path page = folder.resolve("page.html");
        Path json = folder.resolve("groups.json");

        assertThat(command.run("report", first, second, "--no-group", "--out", page, "--json", json))
                .isZero();

        assertThat(command.out()).contains("2 training runs; open ");
        assertThat(page).content().contains("class=\"line r1\"").doesNotContain("class=\"band");
        assertThat(json).content().contains("\"group\":\"a-s0\"", "\"group\":\"a-s1\"", "\"sd\":null");
    }

    @Test
    void aFolderIsNoFile() {
        for (String option : List.of("--csv", "--json", "--out")) {
            assertThat(command.run("report", first, option, folder)).isEqualTo(2);
            assertThat(command.err()).contains(folder + " is a folder; name a file in it");
        }
        assertThat(first.resolve("report.html")).doesNotExist();
    }

    private Path run(String name, long seed) throws IOException {
        Path run = Files.createDirectories(folder.resolve(name));
        RunConfig config = ConfigBinder.bind(
                        Path.of("..", "configs", "quickstart.yaml"), List.of("seed=" + seed), RunConfig.class)
                .value();
        Files.writeString(run.resolve("config.yaml"), ConfigWriter.yaml(config));
        Files.writeString(run.resolve("stats.jsonl"), "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":0.25}\n");
        return run;
    }
}
