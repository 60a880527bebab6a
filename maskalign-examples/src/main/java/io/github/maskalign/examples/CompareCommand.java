package io.github.maskalign.examples;

import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.ConfigOptions.CacheFolder;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.examples.Main.Version;
import io.github.maskalign.sit.lab.Comparison;
import io.github.maskalign.sit.run.StopSignal;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Compares variants of an experiment over seeds. */
@Command(
        name = "compare",
        description = {
            "Trains the variants of a plan with each seed, scores all by one protocol, and compares them:",
            "means, paired differences, intervals, curves and samples on one page.",
            "The same command goes on where it stopped, and leaves alone what is finished; started several times,",
            "on this machine or others that see the folder, the processes share the cells."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign compare configs/lab/components.yaml --plan-only",
            "  maskalign compare configs/lab/components.yaml --out runs/components"
        })
final class CompareCommand implements Callable<Integer>, UsesEngine {
    @Parameters(paramLabel = "PLAN", description = "YAML file that names variants, seeds and budget.")
    Path plan = Path.of("");

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Folder of the comparison; runs/ and the name of the plan unless given.")
    @Nullable
    Path out;

    @Option(
            names = "--plan-only",
            description = "Print the cells, how far each is, what it costs and the time that is left, and stop.")
    boolean planOnly;

    @Option(names = "--report-only", description = "Write the results of the cells that are finished, and stop.")
    boolean reportOnly;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public boolean usesEngine() {
        return !reportOnly && !planOnly;
    }

    @Override
    public Integer call() throws IOException {
        Comparison opened = Comparison.open(plan, out == null ? Path.of("runs") : out);
        Path folder = out == null ? Path.of("runs", opened.plan().name()) : out;
        Comparison comparison = Comparison.open(plan, folder)
                .withRuns(run -> run.withCache(CacheFolder.path())
                        .withVersion(Version.ours())
                        .withEnvironment(System.getenv())
                        .withDisplay(TerminalBar.display()));
        PrintWriter output = spec.commandLine().getOut();
        if (planOnly) {
            output.print(comparison.describe());
            output.flush();
            return ExitCode.OK;
        }
        if (!reportOnly) {
            try (StopSignal signal = StopSignal.listen(comparison::requestStop)) {
                if (!comparison.run()) {
                    SameCommand.goesOn(spec);
                    return ExitCode.FAILED; // the signal decides the exit code
                }
            }
        }
        AtomicFile.createFolders(folder);
        output.println(comparison.write(Instant.now()));
        output.flush();
        return ExitCode.OK;
    }
}
