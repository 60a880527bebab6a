package io.github.maskalign.examples;

import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.CommandFailure.OutputFile;
import io.github.maskalign.sit.run.RunReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Makes a page of runs. */
@Command(
        name = "report",
        description = {
            "Makes one HTML file of runs, going on or not: settings, curves, scores, samples, speed, origin.",
            "It needs no other file and no network."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign report runs/quickstart",
            "  maskalign report runs/sit runs/repa runs/maskalign --out comparison.html --title Emoji",
            "  maskalign report runs/a --evaluation scores.json --png charts"
        })
final class ReportCommand implements Callable<Integer> {
    @Parameters(
            paramLabel = "RUN",
            arity = "1..*",
            description = "Folder of a run.",
            showDefaultValue = Visibility.NEVER)
    List<Path> runs = new ArrayList<>();

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "The page; report.html in the first run's folder if not given.")
    @Nullable
    Path out;

    @Option(names = "--title", paramLabel = "TEXT", description = "Headline; the runs' names if not given.")
    @Nullable
    String title;

    @Option(
            names = "--evaluation",
            paramLabel = "FILE",
            arity = "1",
            description = {
                "Result of 'evaluate --out'; may be given several times.",
                "Files evaluation*.json in the runs' folders are found without it."
            },
            showDefaultValue = Visibility.NEVER)
    List<Path> evaluations = new ArrayList<>();

    @Option(names = "--grids", paramLabel = "N", description = "Sample grids of each run, the last and some before it.")
    int grids = 6;

    @Option(names = "--png", paramLabel = "DIR", description = "Also write each chart as a PNG file.")
    @Nullable
    Path charts;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        CommandFailure.requireAtLeast(0, "--grids", grids);
        OutputFile.refuseFolder(out);
        PrintWriter stdout = spec.commandLine().getOut();
        RunReport report = RunReport.read(runs, evaluations, grids);
        Path page = out != null ? out : runs.get(0).resolve("report.html");
        report.writePage(page, title, Instant.now());
        stdout.println(page);
        if (charts != null) {
            report.writeCharts(charts).forEach(stdout::println);
        }
        stdout.flush();
        return ExitCode.OK;
    }
}
