package io.github.maskalign.examples;

import io.github.maskalign.core.config.ConfigSchema;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.sit.run.RunConfig;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Describes configs to editors. */
@Command(
        name = "schema",
        description = "Prints the JSON Schema of training configs, with which an editor completes and checks them.",
        footerHeading = "%nExamples:%n",
        footer = "  maskalign schema > schema.json")
final class SchemaCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        out.print(ConfigSchema.json(RunConfig.class, KeyMeanings.read()));
        out.flush();
        return ExitCode.OK;
    }

    /** What the keys of a training config mean, in the words of docs/configs.md, which stands in the jar. */
    static final class KeyMeanings {
        private static final String DOCUMENT = "configs.md";
        private static final String END = "## Keys of a teacher's config";
        private static final Pattern SECTIONS = Pattern.compile("^### (`[a-z]+`(?:, `[a-z]+`)*): (.+)$");
        private static final Pattern ROW = Pattern.compile("^\\| `([A-Za-z0-9.]+)` \\| (.+) \\| (.+) \\| .+ \\|$");
        private static final Pattern LINK = Pattern.compile("\\[([^]]+)]\\([^)]+\\)");

        private KeyMeanings() {}

        /** Returns the meanings by the keys' full paths; a section has the title of its table. */
        static Map<String, String> read() throws IOException {
            String text;
            try (InputStream in = KeyMeanings.class.getResourceAsStream(DOCUMENT)) {
                if (in == null) {
                    throw new IllegalStateException(DOCUMENT + " is not in the jar of the command line");
                }
                text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            }
            Map<String, String> meanings = new LinkedHashMap<>();
            for (String line : text.substring(0, text.indexOf(END)).lines().toList()) {
                Matcher row = ROW.matcher(line);
                Matcher sections = SECTIONS.matcher(line);
                if (row.matches()) {
                    meanings.put(row.group(1), plain(row.group(3) + " (" + row.group(2) + ")"));
                } else if (sections.matches()) {
                    for (String section : sections.group(1).split(", ")) {
                        meanings.put(plain(section), plain(sections.group(2)));
                    }
                }
            }
            return meanings;
        }

        private static String plain(String markdown) {
            return LINK.matcher(markdown).replaceAll("$1").replace("`", "");
        }
    }
}
