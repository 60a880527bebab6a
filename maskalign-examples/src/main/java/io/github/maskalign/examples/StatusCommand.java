package io.github.maskalign.examples;

import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.sit.run.RunStatus;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Tells how runs are doing. */
@Command(
        name = "status",
        description = "Shows step, rate, losses, time left and checkpoints of runs, going on or not.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign status runs/quickstart",
            "  maskalign status runs/* --json",
            "  maskalign status runs/a --verify"
        })
final class StatusCommand implements Callable<Integer> {
    @Parameters(
            paramLabel = "RUN",
            arity = "1..*",
            description = "Folder of a run.",
            showDefaultValue = Visibility.NEVER)
    List<Path> runs = new ArrayList<>();

    @Option(names = "--verify", description = "Read all checkpoint files and compare their checksums.")
    boolean verify;

    @Option(names = "--json", description = "Print one JSON object for each run instead of text.")
    boolean json;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        boolean usable = true;
        for (Path run : runs) {
            RunStatus status = RunStatus.read(run, verify);
            out.println(json ? status.toJson().toString() : status.toText());
            usable &= status.checkpoints().stream().allMatch(state -> state.problem() == null);
        }
        out.flush();
        return usable ? ExitCode.OK : ExitCode.FAILED;
    }
}
