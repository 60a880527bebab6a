package io.github.maskalign.examples;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.sit.run.RunConfig;
import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Times training steps when asked to, so that two programs can be timed in turns. */
@Command(
        name = "serve-steps",
        description = "Answers 'step N' lines on standard input with the times of N training steps; 'quit' ends it.")
final class ServeStepsCommand implements Callable<Integer>, UsesEngine {
    @Mixin
    RunOptions config = new RunOptions();

    @Option(names = "--batch", paramLabel = "B", description = "Pictures per step; that of the config unless given.")
    @Nullable
    Integer batch;

    @Option(names = "--warmup", paramLabel = "N", description = "Steps before the timed ones.")
    int warmup = 3;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        RunConfig run = config.bind().value();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintWriter out = spec.commandLine().getOut();
        try (Closeable products = run.runtime().precision().enter();
                StepBenchmark benchmark = new StepBenchmark(run, batch)) {
            benchmark.run(warmup);
            JsonObject ready = benchmark.about();
            ready.addProperty("ready", true);
            out.println(ready);
            out.flush();
            for (String line = in.readLine(); line != null && !line.strip().equals("quit"); line = in.readLine()) {
                out.println(answer(benchmark, line.strip()));
                out.flush();
            }
        }
        return ExitCode.OK;
    }

    private static JsonObject answer(StepBenchmark benchmark, String line) {
        JsonObject answer = new JsonObject();
        if (line.matches("step [1-9][0-9]{0,5}")) {
            List<StepResult> results = benchmark.run(Integer.parseInt(line.substring("step ".length())));
            JsonArray times = new JsonArray();
            results.forEach(result -> times.add(result.seconds().total()));
            answer.add("times_s", times);
            benchmark.add(answer, results);
        } else {
            answer.addProperty("error", "expected 'step N' or 'quit' but was '" + line + "'");
        }
        return answer;
    }
}
