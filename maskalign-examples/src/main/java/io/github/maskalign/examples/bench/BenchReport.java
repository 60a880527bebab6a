package io.github.maskalign.examples.bench;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.core.engine.internal.NativeThreads;
import io.github.maskalign.core.engine.internal.ProcessStatus;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.StepResult.StepTimes;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.internal.RunPlan;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/** What a stopwatch run says: median step time, rate, memory, and where the time went. */
public final class BenchReport {
    private final RunConfig config;
    private final StepBenchmark benchmark;

    /** Reports on a benchmark of a config. */
    public BenchReport(RunConfig config, StepBenchmark benchmark) {
        this.config = config;
        this.benchmark = benchmark;
    }

    /** Returns what a config asks to be measured, with its own micro-batch unless another is given. */
    public static StepBenchmark.Case caseOf(RunConfig config, @Nullable Integer batch) {
        if (config.runtime().threads() > 0) {
            NativeThreads.set(config.runtime().threads());
        }
        int micro = config.train().globalBatch() / config.train().accumulation();
        return new StepBenchmark.Case(
                config.runtime().device(0),
                RunPlan.model(config),
                config.runtime().precision().ofBlocks(),
                config.diffusion(),
                config.optim(),
                config.train().activationCheckpointing(),
                batch == null ? micro : batch,
                config.seed());
    }

    /** Times steps. */
    public JsonObject measure(int steps) {
        JsonObject out = about();
        add(out, benchmark.run(steps));
        return out;
    }

    /** Answers each line {@code step N} with the times of N steps, until {@code quit} or the end of the input. */
    public void serve(BufferedReader in, PrintWriter out) throws IOException {
        JsonObject ready = about();
        ready.addProperty("ready", true);
        out.println(ready);
        out.flush();
        for (String line = in.readLine(); line != null && !line.strip().equals("quit"); line = in.readLine()) {
            JsonObject answer = new JsonObject();
            if (line.strip().matches("step [1-9][0-9]{0,5}")) {
                List<StepResult> results =
                        benchmark.run(Integer.parseInt(line.strip().substring("step ".length())));
                JsonArray times = new JsonArray();
                results.forEach(r -> times.add(r.seconds().total()));
                answer.add("times_s", times);
                add(answer, results);
            } else {
                answer.addProperty("error", "expected 'step N' or 'quit' but was '" + line.strip() + "'");
            }
            out.println(answer);
            out.flush();
        }
    }

    /** Returns the same for people. */
    public static String text(JsonObject result) {
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

    private JsonObject about() {
        SiTConfig model = RunPlan.model(config);
        JsonObject out = new JsonObject();
        out.addProperty("name", config.name());
        out.addProperty("framework", "maskalign");
        out.addProperty("family", RunPlan.family(config));
        out.addProperty("width", model.model().hiddenSize());
        out.addProperty("depth", model.model().depth());
        out.addProperty("parameters", benchmark.parameters());
        out.addProperty("dtype", config.runtime().precision().name().toLowerCase(Locale.ROOT));
        out.addProperty("threads", NativeThreads.count());
        out.addProperty("batch", benchmark.batch());
        if (config.train().activationCheckpointing() > 0) {
            out.addProperty("activation_checkpointing", config.train().activationCheckpointing());
        }
        return out;
    }

    private void add(JsonObject out, List<StepResult> results) {
        List<Double> seconds = sorted(results, StepTimes::total);
        double outside = 0;
        double all = 0;
        for (StepResult result : results) {
            StepTimes times = result.seconds();
            outside += times.data() + times.rest();
            all += times.total();
        }
        double median = quantile(seconds, 0.5);
        out.addProperty("steps", results.size());
        out.addProperty("median_s", median);
        out.addProperty("p90_s", quantile(seconds, 0.9));
        out.addProperty("min_s", seconds.get(0));
        out.addProperty("model_s", quantile(sorted(results, StepTimes::model), 0.5));
        out.addProperty("update_s", quantile(sorted(results, StepTimes::update), 0.5));
        out.addProperty("images_per_s", benchmark.batch() / median);
        out.addProperty("outside_model", outside / all);
        out.addProperty("loss", results.get(results.size() - 1).loss());
        ProcessStatus.read()
                .ifPresent(status -> out.addProperty("peak_rss_mb", status.peakResidentBytes() / (double) (1 << 20)));
    }

    private static List<Double> sorted(List<StepResult> results, ToDoubleFunction<StepTimes> part) {
        return results.stream()
                .map(result -> part.applyAsDouble(result.seconds()))
                .sorted()
                .toList();
    }

    /** Linear between neighbours, as NumPy and PyTorch do. */
    private static double quantile(List<Double> sorted, double q) {
        double at = q * (sorted.size() - 1);
        int below = (int) at;
        int above = Math.min(below + 1, sorted.size() - 1);
        return sorted.get(below) + (at - below) * (sorted.get(above) - sorted.get(below));
    }
}
