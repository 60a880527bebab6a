package io.github.maskalign.examples;

import com.google.gson.JsonObject;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.sit.run.RunConfig;
import java.io.Closeable;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Locale;
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
            "  maskalign bench configs/imagenet-sit-b-2.yaml --method repa --batch 8 --steps 5 --json"
        })
final class BenchCommand implements Callable<Integer>, UsesEngine {
    @Mixin
    RunOptions config = new RunOptions();

    @Option(names = "--steps", paramLabel = "N", description = "Timed steps.")
    int steps = 20;

    @Option(names = "--batch", paramLabel = "B", description = "Pictures per step; that of the config unless given.")
    @Nullable
    Integer batch;

    @Option(names = "--json", description = "Print one JSON object instead of text.")
    boolean json;

    @Option(names = "--warmup", paramLabel = "N", description = "Steps before the timed ones.")
    int warmup = 3;

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
                StepBenchmark benchmark = new StepBenchmark(run, batch)) {
            benchmark.run(warmup);
            JsonObject result = benchmark.about();
            benchmark.add(result, benchmark.run(steps));
            out.println(json ? result.toString() : text(result));
            out.flush();
        }
        return ExitCode.OK;
    }

    private static String text(JsonObject result) {
        return String.format(
                Locale.ROOT,
                "%s: %.3f s a step (p90 %.3f), %.2f images/s, batch %d, %s, %d threads, peak memory %.0f MB,%n"
                        + "losses and gradients %.3f s, update %.3f s, outside of both %.2f %% of the step",
                result.get("name").getAsString(),
                result.get("median_s").getAsDouble(),
                result.get("p90_s").getAsDouble(),
                result.get("images_per_s").getAsDouble(),
                result.get("batch").getAsInt(),
                result.get("dtype").getAsString(),
                result.get("threads").getAsInt(),
                result.get("peak_rss_mb").getAsDouble(),
                result.get("model_s").getAsDouble(),
                result.get("update_s").getAsDouble(),
                100 * result.get("outside_model").getAsDouble());
    }
}
