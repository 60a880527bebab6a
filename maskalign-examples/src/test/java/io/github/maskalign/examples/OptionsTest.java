package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.examples.SamplerOptions.Interval;
import io.github.maskalign.sit.run.internal.ClassNames;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.ParameterException;

class OptionsTest {
    static Stream<Object> commands() {
        return Stream.of(
                new DoctorCommand(),
                new TrainCommand(),
                new TrainTeacherCommand(),
                new TrainAutoencoderCommand(),
                new SampleCommand(),
                new InfoCommand(),
                new NewConfigCommand(),
                new InspectCommand(),
                new ConvertCommand(),
                new EncodeTextCommand(),
                new ParityCommand(),
                new BenchCommand());
    }

    @ParameterizedTest
    @MethodSource("commands")
    void examplesOfTheHelpTextAreValid(Object command) {
        CommandLine line = Main.withErrorHandling(new CommandLine(command));
        String[] examples = line.getCommandSpec().usageMessage().footer();

        assertThat(examples).isNotEmpty();
        for (String example : examples) {
            String[] words = example.strip().replaceAll(" \\|.*", "").split(" ");
            assertThat(words[0]).isEqualTo("maskalign");
            assertThat(words[1]).isEqualTo(line.getCommandName());
            line.parseArgs(Arrays.copyOfRange(words, 2, words.length));
        }
    }

    @ParameterizedTest
    @MethodSource("commands")
    void examplesNameConfigsThatExist(Object command) {
        String text = new CommandLine(command).getUsageMessage();
        if (!(command instanceof TrainTeacherCommand)) { // its config comes with the command
            Pattern.compile("configs/\\S+?\\.yaml")
                    .matcher(text)
                    .results()
                    .forEach(name -> assertThat(Path.of("..", name.group())).isRegularFile());
        }
    }

    @ParameterizedTest
    @MethodSource("commands")
    void everyOptionIsDescribed(Object command) {
        CommandLine line = new CommandLine(command);

        assertThat(line.getCommandSpec().usageMessage().description()).isNotEmpty();
        assertThat(line.getCommandSpec().args())
                .allSatisfy(arg -> assertThat(arg.description()).isNotEmpty());
    }

    @Test
    void trainTakesOverridesInOrder() {
        TrainCommand train = parse(
                new TrainCommand(),
                "a.yaml",
                "--set",
                "optim.lr=2e-4",
                "--set",
                "name=x=y",
                "--out",
                "runs/a",
                "--steps",
                "9");

        assertThat(train.config.config).isEqualTo(Path.of("a.yaml"));
        assertThat(train.config.overrides).containsExactly("optim.lr=2e-4", "name=x=y");
        assertThat(train.out).isEqualTo(Path.of("runs/a"));
        assertThat(train.steps).isEqualTo(9);
        assertThat(train.dryRun).isFalse();
    }

    @Test
    void trainNeedsAConfig() {
        assertThatThrownBy(() -> parse(new TrainCommand()))
                .isInstanceOf(MissingParameterException.class)
                .hasMessageContaining("CONFIG");
    }

    @Test
    void sampleTakesWhatIsNotGivenFromTheConfig() {
        SampleCommand sample = parse(new SampleCommand(), "runs/a");

        assertThat(sample.count).isEqualTo(16);
        assertThat(sample.sampler.method).isNull();
        assertThat(sample.sampler.steps).isNull();
        assertThat(sample.sampler.cfgScale).isNull();
        assertThat(sample.sampler.interval).isNull();
        assertThat(sample.labels).isEmpty();
    }

    @Test
    void sampleReadsIntervalAndLabels() {
        SampleCommand sample = parse(
                new SampleCommand(), "runs/a", "--sampler", "sde", "--interval", "0.1,0.7", "--labels", "207,0-2,207");

        assertThat(sample.sampler.method).isEqualTo(SamplerMethod.EULER_MARUYAMA);
        assertThat(sample.sampler.interval).isEqualTo(new Interval(0.1, 0.7));
        assertThat(sample.labels).isEqualTo(List.of("207", "0-2", "207"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0.5", "a,b", "0,2", "0.7,0.1", "0,1,1", "NaN,1"})
    void sampleRefusesWhatIsNoInterval(String text) {
        assertThatThrownBy(() -> parse(new SampleCommand(), "runs/a", "--interval", text))
                .isInstanceOf(ParameterException.class)
                .hasMessageContaining("'--interval'")
                .hasMessageContaining("interval");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a", "-1", "3-1", "1,,2", "1-2-3", "0-999999999", "99999999999"})
    void whatIsNoLabelIsRefusedByItsRun(String text) {
        List<String> labels = parse(new SampleCommand(), "runs/a", "--labels=" + text).labels;

        assertThatThrownBy(() -> new ClassNames(List.of()).labels(labels))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("--labels: ");
    }

    private static <T> T parse(T command, String... args) {
        Main.withErrorHandling(new CommandLine(command)).parseArgs(args);
        return command;
    }
}
