package io.github.maskalign.examples;

import io.github.maskalign.core.config.ConfigSchema;
import io.github.maskalign.sit.run.RunConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
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
}
