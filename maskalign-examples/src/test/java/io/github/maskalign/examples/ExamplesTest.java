package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class ExamplesTest {
    @Test
    void examplesAreBrokenBetweenWordsAndQuotedTextsAreOneWord() {
        assertThat(Examples.lines("  maskalign do --text 'a b c' --long-option=value \"c d e\"", 30))
                .containsExactly(
                        "  maskalign do --text \\",
                        "      'a b c' \\",
                        "      --long-option=value \\",
                        "      \"c d e\"");
    }

    @ParameterizedTest
    @ValueSource(ints = {80, 120})
    void helpOfEveryCommandShowsItsExamplesWhole(int width) {
        CommandLine main = Main.commandLine();
        main.setUsageHelpWidth(width);
        int examples = 0;
        for (CommandLine line : Stream.concat(Stream.of(main), main.getSubcommands().values().stream())
                .toList()) {
            if (line.getCommandName().equals("help")) {
                continue;
            }
            List<String> shown = examples(line.getUsageMessage());

            assertThat(String.join("\n", shown).replaceAll(" +\\\\\n +", " "))
                    .as(line.getCommandName())
                    .isEqualTo(String.join(
                                    "\n", line.getCommandSpec().usageMessage().footer())
                            .replaceAll(" +\\\\\n +", " "));
            assertThat(shown).allMatch(text -> text.length() < width);
            for (int i = 1; i < shown.size(); i++) {
                assertThat(shown.get(i).startsWith("      "))
                        .as(shown.get(i))
                        .isEqualTo(shown.get(i - 1).endsWith(" \\"));
            }
            examples += shown.size();
        }
        assertThat(examples).isGreaterThan(20);
    }

    private static List<String> examples(String help) {
        List<String> lines = new ArrayList<>(help.lines().toList());
        return lines.subList(lines.indexOf("Examples:") + 1, lines.size()).stream()
                .takeWhile(line -> line.startsWith("  "))
                .toList();
    }
}
