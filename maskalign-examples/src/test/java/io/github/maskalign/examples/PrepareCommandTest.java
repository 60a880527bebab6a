package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class PrepareCommandTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--size=0                     | --size must be in [1, 8192] but was 0",
                "--size=100000                | --size must be in [1, 8192] but was 100000",
                "--encoder-file=a.safetensors | --grid go with --encoder",
                "--grid=4                     | --grid go with --encoder",
                "--device=tpu                 | --device must be cpu or gpu but was tpu",
                "--threads=1                  | there is no .jpg, .jpeg or .png in this folder"
            })
    void whatCannotBePreparedIsBadInput(String option, String message) {
        StringWriter err = new StringWriter();
        CommandLine line = Main.commandLine().setErr(new PrintWriter(err, true));

        int exitCode = Main.run(line, "prepare", folder.toString(), "--out=" + folder.resolve("set"), option);

        assertThat(err.toString()).contains("error: ").contains(message).doesNotContain("\tat ");
        assertThat(exitCode).isEqualTo(2);
        assertThat(folder).isEmptyDirectory();
    }
}
