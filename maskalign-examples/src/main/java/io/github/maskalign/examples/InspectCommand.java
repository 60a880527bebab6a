package io.github.maskalign.examples;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.sit.run.internal.WeightsReport;
import io.github.maskalign.sit.weights.internal.OpenWeights;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Shows what is in a file of weights. */
@Command(
        name = "inspect",
        description = {
            "Lists the tensors of a .safetensors, .safetensors.index.json, .pt or .pth file, and the project it comes"
                    + " from.",
            "Nothing in the file is executed. With --stats the exit code is 1 if a value is NaN or infinite."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign inspect runs/quickstart",
            "  maskalign inspect 0400000.pt --section model --filter blocks.0",
            "  maskalign inspect weights.safetensors --stats --json"
        })
final class InspectCommand implements Callable<Integer> {
    @Parameters(
            index = "0",
            paramLabel = "FILE|RUN",
            description = "File of weights, or run folder, whose newest averaged weights are shown.",
            showDefaultValue = Visibility.NEVER)
    Path source = Path.of("");

    @Option(
            names = "--section",
            paramLabel = "NAME",
            description = "State dict inside a checkpoint, such as ema, model or opt.state; the only one, or ema,"
                    + " unless given.")
    @Nullable
    String section;

    @Option(names = "--filter", paramLabel = "REGEX", description = "Show only tensors whose name contains a match.")
    @Nullable
    String filter;

    @Option(names = "--stats", description = "Read all values: minimum, maximum, mean, deviation, how many not finite.")
    boolean stats;

    @Option(names = "--json", description = "Print one JSON object instead of text.")
    boolean json;

    @Option(
            names = "--allow-unknown",
            description = "Skip over objects of unknown classes in a .pt file instead of refusing it.")
    boolean allowUnknown;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        Predicate<String> shown =
                filter == null ? name -> true : pattern(filter).asPredicate();
        PrintWriter out = spec.commandLine().getOut();
        try (OpenWeights weights = ImportMixin.open(source, section, allowUnknown)) {
            WeightsReport report = new WeightsReport(weights, shown, stats);
            if (json) {
                Gson gson =
                        new GsonBuilder().serializeNulls().disableHtmlEscaping().create();
                out.println(gson.toJson(report.json()));
            } else {
                out.print(report.text());
            }
            out.flush();
            return report.hasNonFinite() ? ExitCode.FAILED : ExitCode.OK;
        }
    }

    private static Pattern pattern(String regex) {
        try {
            return Pattern.compile(regex);
        } catch (PatternSyntaxException e) {
            throw CommandFailure.badInput("--filter is no regular expression: " + e.getMessage());
        }
    }
}
