package io.github.maskalign.examples;

import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.internal.ModelSummary;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Describes the model of a config. */
@Command(
        name = "info",
        description = "Prints the model of a config as JSON: sizes, tokens, parameters of each part, and its method.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign info configs/imagenet-sit-b-2.yaml",
            "  maskalign info configs/imagenet-sit-b-2.yaml --method repa",
            "  maskalign info configs/imagenet-sit-b-2.yaml --set subset.ratio=0.5"
        })
final class InfoCommand implements Callable<Integer> {
    @Mixin
    RunOptions config = new RunOptions();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        Bound<RunConfig> run = config.bind();
        PrintWriter out = spec.commandLine().getOut();
        out.println(ModelSummary.of(run).toJson());
        out.flush();
        return ExitCode.OK;
    }
}
