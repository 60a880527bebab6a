package io.github.maskalign.examples;

import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.examples.bench.GpuKit;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Writes what a machine with a GPU and PyTorch needs to measure a training step without Java. */
@Command(
        name = "gpu-kit",
        description = {
            "Writes a folder of a few megabytes with which a machine that has a GPU and PyTorch, but no Java and no network,",
            "checks and times the training step of this library: python first_run.py there."
        },
        footerHeading = "%nExamples:%n",
        footer = "  workbench gpu-kit --out /tmp/gpu-kit")
final class GpuKitCommand implements Callable<Integer>, UsesEngine {
    @Option(
            names = "--out",
            required = true,
            paramLabel = "DIR",
            description = "Folder to write, new or empty.",
            showDefaultValue = Visibility.NEVER)
    Path out = Path.of("");

    @Option(
            names = "--root",
            paramLabel = "DIR",
            description = "Folder of this repository.",
            defaultValue = "${sys:workbench.root:-.}",
            showDefaultValue = Visibility.NEVER)
    Path root = Path.of("");

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        if (!Files.isDirectory(root.resolve("scripts/gpu"))) {
            throw CommandFailure.badInput(
                    "--root must be the folder of this repository, with scripts/gpu in it, but was "
                            + root.toAbsolutePath().normalize());
        }
        if (Files.exists(out) && !Files.isDirectory(out)) {
            throw CommandFailure.badInput("--out must be a folder but " + out + " is a file");
        }
        long bytes = GpuKit.write(root, out, Main.Version.ours());
        PrintWriter console = spec.commandLine().getOut();
        console.println(
                String.format(Locale.ROOT, "%s: %.1f MB; there: python first_run.py --minutes 10", out, bytes * 1e-6));
        console.flush();
        return ExitCode.OK;
    }
}
