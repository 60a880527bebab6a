package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;

class MainTest {
    private final CommandRun command = new CommandRun();

    @Test
    void helpNamesCommandsAndExitCodes() {
        assertThat(run("--help")).isEqualTo(0);

        assertThat(command.out())
                .contains("Usage: maskalign", "doctor", "Exit codes:", "2   wrong usage, config or input file")
                .contains("130   ended by SIGINT", "--debug");
        assertThat(command.err()).isEmpty();
    }

    @Test
    void everyCommandHasHelpExitCodesAndVersion() {
        CommandLine main = Main.commandLine();
        assertThat(main.getSubcommands()).isNotEmpty();
        main.getSubcommands().forEach((name, command) -> {
            if (!name.equals("help")) {
                assertThat(command.getUsageMessage())
                        .startsWith("Usage: maskalign " + name)
                        .contains("Exit codes:", "--version", "--debug", "Examples:");
            }
        });
    }

    @Test
    void versionNamesDjlAndJava() {
        assertThat(run("--version")).isEqualTo(0);

        assertThat(command.out())
                .startsWith("maskalign ")
                .containsPattern("DJL 0\\.\\d+\\.\\d+, Java " + System.getProperty("java.version"));
    }

    @Test
    void noCommandIsAUsageError() {
        assertThat(run()).isEqualTo(2);

        assertThat(command.err()).contains("error: Missing command", "Try 'maskalign --help'.");
    }

    @Test
    void misspeltCommandGetsASuggestion() {
        assertThat(run("docter")).isEqualTo(2);

        assertThat(command.err()).contains("'docter'", "Did you mean: maskalign doctor");
        assertThat(command.out()).isEmpty();
    }

    @Test
    void unknownOptionPointsToTheHelpOfItsCommand() {
        assertThat(run("doctor", "--jsn")).isEqualTo(2);

        assertThat(command.err()).contains("Unknown option: '--jsn'", "Try 'maskalign doctor --help'.");
    }

    @Test
    void knownErrorIsOneLineWithItsExitCode() {
        assertThat(runFailing(CommandFailure.badInput("x must be 1 but was 2"), "fail"))
                .isEqualTo(2);

        assertThat(command.err().lines()).containsExactly("error: x must be 1 but was 2");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--debug fail", "fail --debug"})
    void debugAddsTheStackTrace(String line) {
        assertThat(runFailing(CommandFailure.failed("no"), (Object[]) line.split(" ")))
                .isEqualTo(1);

        assertThat(command.err()).startsWith("error: no").contains("at io.github.maskalign.examples.MainTest");
    }

    @Test
    void emptyPathIsNoPath() {
        for (Object[] words :
                new String[][] {{"train", ""}, {"train", "a.yaml", "--out="}, {"status", ""}, {"convert", "a.pt", ""}
                }) {
            assertThat(run(words)).as(Arrays.toString(words)).isEqualTo(2);
            assertThat(command.err()).contains("a path must not be empty");
        }
    }

    @Test
    void configThatMakesNoModelIsNamed() {
        String config = Path.of("..", "configs", "emoji-32.yaml").toString();
        for (String name : new String[] {"info", "train", "bench"}) {
            assertThat(run(name, config, "--set=model.hiddenSize=47")).isEqualTo(2);
            assertThat(command.err())
                    .isEqualTo("error: --set model.hiddenSize=47: the sections make no model: model.hiddenSize must be"
                            + " a multiple of 4 but was 47\n");
        }
    }

    @Test
    void optionThatSetAKeyIsBlamedWhoeverRefusesIt() {
        String config = Path.of("..", "configs", "emoji-32.yaml").toString();
        for (String[] pair : new String[][] {
            {"optim.lr=abc", "optim.lr must be "},
            {"encoder.kind=NONE", "encoder.kind must not be NONE while align.enabled"},
            {"subset.ratio=0.9999", "the sections make no model: subset.ratio must leave at least one of"},
            {"align.depth=40", "the sections make no model: align.depth must be in [1, "},
            {"model.patchSize=5", "the sections make no model: model.inputSize must be a multiple of model.patchSize 5"
            },
            {"data.kind=LATENTS", "data.path must name the folder"},
        }) {
            assertThat(run("train", config, "--dry-run", "--set=" + pair[0])).isEqualTo(2);
            assertThat(command.err()).startsWith("error: --set " + pair[0] + ": " + pair[1]);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "model.mlpRatio=1e300 | mlpRatio | in (0, 256] | 1e300",
                "model.inputSize=1000000000 | inputSize | in [1, 8192] | 1000000000",
                "model.inChannels=1000000000 | inChannels | in [1, 65536] | 1000000000",
                "model.hiddenSize=1000000000 | hiddenSize | in [1, 65536] | 1000000000",
                "model.numClasses=2000000000 | numClasses | in [1, 16777216] | 2000000000",
                "model.depth=100000 | depth | in [1, 1024] | 100000",
                "align.projectorDim=1000000000 | projectorDim | in [1, 65536] | 1000000000",
                "mixer.mlpRatio=1e300 | mlpRatio | in (0, 256] | 1.0e300",
                "mixer.width=1000000000 | width | in [0, 65536] | 1000000000",
            })
    void sizesBeyondAllMeasureAreRefused(String override, String key, String allowed, String found) {
        String config = Path.of("..", "configs", "emoji-32.yaml").toString();

        assertThat(run("info", config, "--set=" + override)).isEqualTo(2);

        assertThat(command.err()).contains(key, allowed).containsIgnoringCase(found);
    }

    @Test
    void outputThatIsLostIsAnError() throws IOException, InterruptedException {
        Path full = Path.of("/dev/full"); // every write fails as on a full disk
        assumeTrue(Files.isWritable(full));
        Process child = ChildJvm.builder(Main.class, "--version")
                .redirectOutput(full.toFile())
                .start();

        String err = new String(child.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(child.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(child.exitValue()).isEqualTo(4);
        assertThat(err).isEqualTo("error: standard output cannot be written: No space left on device\n");
    }

    @Test
    void unexpectedErrorAlwaysHasItsStackTrace() {
        assertThat(runFailing(new ArithmeticException("/ by zero"), "fail")).isEqualTo(1);

        assertThat(command.err())
                .startsWith("error: unexpected java.lang.ArithmeticException: / by zero")
                .contains("at io.github.maskalign.examples.MainTest");
    }

    @Test
    void errorThatIsNoExceptionIsReportedAlike() {
        assertThat(runFailing(new UnsatisfiedLinkError("no torch"), "fail")).isEqualTo(1);

        assertThat(command.err())
                .startsWith("error: the engine failed: no torch")
                .contains("maskalign doctor");
    }

    @Test
    void doctorPrintsFactsAndChecks() {
        assertThat(run("doctor")).isEqualTo(0);

        assertThat(command.out())
                .contains("processor", "pytorch-jni", "native library", "engine cache", "cpu capability", "blas")
                .containsPattern("ok +one DJL version")
                .containsPattern("ok +bfloat16 product +exact")
                .endsWith("This installation works." + System.lineSeparator());
    }

    @Test
    void processIsQuietOfflineAndEndsWithTheCommandsExitCode() throws IOException, InterruptedException {
        Process child = ChildJvm.start(Main.class, "doctor", "--json");

        String json = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(child.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(child.exitValue()).isEqualTo(0);
        JsonObject diagnosis = JsonParser.parseString(json).getAsJsonObject();
        assertThat(diagnosis.get("healthy").getAsBoolean()).isTrue();
        for (JsonElement check : diagnosis.getAsJsonArray("checks")) {
            if (check.getAsJsonObject().get("name").getAsString().equals("telemetry is off")) {
                assertThat(check.getAsJsonObject().get("result").getAsString()).isEqualTo("ok");
                return;
            }
        }
        throw new AssertionError("no check of the telemetry in " + json);
    }

    private int run(Object... args) {
        return command.run(args);
    }

    private int runFailing(Throwable failure, Object... args) {
        CommandLine line = Main.commandLine();
        line.addSubcommand(new Failing(failure));
        return command.run(Main.withErrorHandling(line), args);
    }

    @Command(name = "fail")
    private static final class Failing implements Callable<Integer> {
        private final Throwable failure;

        Failing(Throwable failure) {
            this.failure = failure;
        }

        @Override
        public Integer call() throws Exception {
            if (failure instanceof Error error) {
                throw error;
            }
            throw (Exception) failure;
        }
    }
}
