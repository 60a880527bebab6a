package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.examples.ConvertCommand.Dtype;
import io.github.maskalign.sit.run.RunConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** Options and configs read the same words for the same things. */
class WordsTest {
    private final CommandRun command = new CommandRun();

    @ParameterizedTest
    @CsvSource({"ode, EULER", "Euler, EULER", "HEUN, HEUN", "heun, HEUN", "SDE, EULER_MARUYAMA"})
    void samplersHaveTheSameWordsInBoth(String word, SamplerMethod meant) {
        SampleCommand sample = new SampleCommand();
        Main.withErrorHandling(new CommandLine(sample)).parseArgs("run", "--sampler", word);
        assertThat(sample.sampler.method).isEqualTo(meant);

        Path config = Path.of("..", "configs", "quickstart.yaml");
        RunConfig run = ConfigBinder.bind(config, List.of("sample.method=" + word), RunConfig.class)
                .value();
        assertThat(run.sample().method()).isEqualTo(meant);
        assertThat(ConfigBinder.bind(config, List.of("sample.method=" + word), RunConfig.class)
                        .yaml())
                .contains("method: " + meant); // written in one way
    }

    @Test
    void earlierWordsForTypesAreRead() {
        assertThat(ConfigBinder.constant(Dtype.class, "bf16")).contains(Dtype.BFLOAT16);
        assertThat(ConfigBinder.constant(PrepareCommand.Latents.class, "f32")).contains(PrepareCommand.Latents.FLOAT32);
        assertThat(ConfigBinder.constant(TokenOptions.Features.class, "F16")).contains(TokenOptions.Features.FLOAT16);
    }

    @Test
    void everyOptionOfAnEnumReadsItsConstantsInAnyCase() {
        List<String> seen = new ArrayList<>();
        for (CommandLine line : Main.commandLine().getSubcommands().values()) {
            for (OptionSpec option : line.getCommandSpec().options()) {
                Class<?> type = option.auxiliaryTypes()[0];
                if (!type.isEnum()) {
                    continue;
                }
                seen.add(line.getCommandName() + " " + option.longestName());
                for (Object constant : type.getEnumConstants()) {
                    for (String word :
                            List.of(constant.toString(), constant.toString().toLowerCase(Locale.ROOT))) {
                        assertThat(read(type, word)).as(word).isEqualTo(constant);
                    }
                }
            }
        }
        assertThat(seen).contains("sample --sampler", "sample --pixels", "sample --precision", "convert --dtype");
    }

    /** Reads a word as an option of the line would. */
    private static Object read(Class<?> type, String word) {
        CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create()
                .addOption(OptionSpec.builder("--it").type(type).build());
        CommandLine one = new CommandLine(spec);
        Words.readBy(one);
        return one.parseArgs("--it", word).matchedOption("--it").getValue();
    }

    @Test
    void otherWordIsRefusedWithThoseThatAre() {
        assertThat(command.run("sample", "run", "--sampler=dpm")).isEqualTo(2);
        assertThat(command.err())
                .contains(
                        "Invalid value for option '--sampler'",
                        "expected one of [EULER, HEUN, EULER_MARUYAMA, DDPM, DDIM] but was 'dpm'");
    }
}
