package io.github.maskalign.examples;

import com.google.gson.JsonObject;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.examples.bench.BenchReport;
import io.github.maskalign.examples.bench.StepBenchmark;
import io.github.maskalign.sit.run.RunConfig;
import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Measures the bare training step. */
@Command(
        name = "bench",
        description = "Times the training step of a config on random data, after a warm-up.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign bench configs/quickstart.yaml",
            "  maskalign bench configs/imagenet-sit-b-2-maskalign.yaml --batch 8 --steps 5 --json"
        })
final class BenchCommand implements Callable<Integer>, UsesEngine {
    @Mixin
    ConfigOptions config = new ConfigOptions();

    @Option(names = "--steps", paramLabel = "N", description = "Timed steps.")
    int steps = 20;

    @Option(names = "--batch", paramLabel = "B", description = "Pictures per step; that of the config unless given.")
    @Nullable
    Integer batch;

    @Option(names = "--json", description = "Print one JSON object instead of text.")
    boolean json;

    @Option(names = "--warmup", paramLabel = "N", description = "Steps before the timed ones.")
    int warmup = 3;

    @Option(
            names = "--serve",
            description = "Answer 'step N' lines on standard input, so that two programs can be timed in turns.")
    boolean serve;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        CommandFailure.requireAtLeast(1, "--steps", steps);
        CommandFailure.requireAtLeast(0, "--warmup", warmup);
        if (batch != null) {
            CommandFailure.requireAtLeast(1, "--batch", batch);
        }
        RunConfig run = config.bind().value();
        PrintWriter out = spec.commandLine().getOut();
        try (Closeable products = run.runtime().precision().enter();
                StepBenchmark benchmark = new StepBenchmark(BenchReport.caseOf(run, batch))) {
            BenchReport report = new BenchReport(run, benchmark);
            benchmark.run(warmup);
            if (serve) {
                report.serve(new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)), out);
            } else {
                JsonObject result = report.measure(steps);
                out.println(json ? result.toString() : BenchReport.text(result));
            }
            out.flush();
        }
        return ExitCode.OK;
    }
}
