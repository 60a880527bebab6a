package io.github.maskalign.examples;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import picocli.CommandLine.Help;

/** Examples in a help text: broken between words alone, as a shell reads it when it is copied. */
final class Examples {
    private static final Pattern WORD = Pattern.compile("(?:\"[^\"]*\"|'[^']*'|\\S)+");
    private static final String START = "  ";
    private static final String CONTINUED = "      ";
    private static final String BREAK = " \\";

    private Examples() {}

    /** Renders the footer of a command, which holds its examples. */
    static String render(Help help) {
        int width = help.commandSpec().usageMessage().width();
        StringBuilder text = new StringBuilder();
        for (String example : whole(List.of(help.commandSpec().usageMessage().footer()))) {
            lines(example, width).forEach(line -> text.append(line).append(System.lineSeparator()));
        }
        return text.toString();
    }

    /** Joins the lines of an example that is written on several. */
    private static List<String> whole(List<String> footer) {
        List<String> examples = new ArrayList<>();
        String begun = "";
        for (String line : footer) {
            String all = begun.isEmpty() ? line : begun + " " + line.strip();
            boolean goesOn = all.endsWith(BREAK);
            begun = goesOn ? all.substring(0, all.length() - BREAK.length()) : "";
            if (!goesOn) {
                examples.add(all);
            }
        }
        return examples;
    }

    /** Breaks an example into lines; a word that is longer than a line stays whole. */
    static List<String> lines(String example, int width) {
        List<String> words =
                WORD.matcher(example).results().map(MatchResult::group).toList();
        List<String> lines = new ArrayList<>();
        String line = "";
        for (int i = 0; i < words.size(); i++) {
            String word = words.get(i);
            int room = i == words.size() - 1 ? width - 1 : width - 1 - BREAK.length();
            if (line.isEmpty()) {
                line = START + word;
            } else if (line.length() + 1 + word.length() <= room) {
                line += " " + word;
            } else {
                lines.add(line + BREAK);
                line = CONTINUED + word;
            }
        }
        lines.add(line);
        return lines;
    }
}
