package io.github.maskalign.examples;

import io.github.maskalign.core.prepared.ShardSet;
import io.github.maskalign.core.prepared.ShardVerifier;
import io.github.maskalign.examples.report.ConsoleProgress;
import io.github.maskalign.examples.report.ProgressPlan;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Checks a prepared set. */
@Command(
        name = "verify",
        description =
                "Reads a prepared set whole and compares it with its index: hashes, labels, names, finite numbers.",
        footerHeading = "%nExamples:%n",
        footer = "  maskalign verify data/imagenet256")
final class VerifyCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", description = "Folder of the prepared set.")
    Path folder = Path.of("");

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        int shards;
        int samples;
        try (ShardSet set = ShardSet.open(folder)) {
            shards = set.index().shards().size();
            samples = set.size();
        }
        List<String> problems;
        ProgressPlan plan =
                new ProgressPlan("verify", 0, shards, Math.max(1, samples / shards), Math.max(1, shards / 20));
        try (ConsoleProgress progress = ConsoleProgress.open(plan, JvmDefaults.isTerminal())) {
            problems = new ShardVerifier(folder).problems(done -> progress.step(done, Double.NaN));
        }
        PrintWriter out = spec.commandLine().getOut();
        problems.forEach(out::println);
        out.println(folder + ": "
                + (problems.isEmpty()
                        ? samples + " samples in " + shards + " shards are as they were" + " written"
                        : problems.size() + " problems"));
        out.flush();
        return problems.isEmpty() ? ExitCode.OK : ExitCode.FAILED;
    }
}
