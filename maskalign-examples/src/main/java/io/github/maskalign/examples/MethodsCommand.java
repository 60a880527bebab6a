package io.github.maskalign.examples;

import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.config.ConfigPresets.Preset;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.RunOptions.MethodNames;
import io.github.maskalign.sit.run.RunConfig;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Tells which methods there are. */
@Command(
        name = "methods",
        description = "Lists the methods that train, info and bench take by --method, or the settings of one.",
        footerHeading = "%nExamples:%n",
        footer = {"  maskalign methods", "  maskalign methods irepa"})
final class MethodsCommand implements Callable<Integer> {
    @Parameters(
            index = "0",
            arity = "0..1",
            paramLabel = "ID",
            completionCandidates = MethodNames.class,
            description = "One of ${COMPLETION-CANDIDATES}; all unless given.")
    @Nullable
    String id;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        if (id == null) {
            for (String name : RunOptions.METHODS.names()) {
                Preset preset = RunOptions.METHODS.get(name);
                out.printf(Locale.ROOT, "%-16s %s (%s)%n", name, preset.summary(), preset.paper());
            }
        } else {
            Preset preset = RunOptions.METHODS.get(MethodNames.parse(id));
            out.println(preset.name() + ": " + preset.summary() + " (" + preset.paper() + ")");
            print(out, preset.settings());
            preset.sizes().forEach((depth, settings) -> {
                out.println("with model.depth " + depth + (settings.isEmpty() ? ": nothing more" : ""));
                print(out, settings);
            });
        }
        out.flush();
        return ExitCode.OK;
    }

    private static void print(PrintWriter out, Map<String, String> settings) {
        settings.forEach((key, value) -> out.println("  " + key + ": " + value));
    }

    /** Returns the method of a config and what its keys came to as comments of YAML; empty without a method. */
    static String comment(Bound<RunConfig> bound) {
        StringBuilder text = new StringBuilder();
        bound.preset().ifPresent(preset -> {
            text.append("# method ").append(preset.name()).append(": ").append(preset.summary());
            text.append(" (").append(preset.paper()).append(")\n");
            bound.presetSettings()
                    .forEach((key, value) -> text.append("#   ")
                            .append(key)
                            .append(": ")
                            .append(value)
                            .append('\n'));
        });
        return text.toString();
    }
}
