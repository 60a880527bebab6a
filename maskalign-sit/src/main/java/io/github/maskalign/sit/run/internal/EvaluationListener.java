package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.evaluate.Evaluation.Estimate;
import io.github.maskalign.core.evaluate.Evaluation.EvaluationResult;
import io.github.maskalign.core.evaluate.Evaluation.MetricValue;
import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import io.github.maskalign.core.evaluate.Metric;
import io.github.maskalign.core.metrics.MetricSink;
import io.github.maskalign.core.train.MetricListener;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainListener.StartKind;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.sit.run.EvaluateSection;
import io.github.maskalign.sit.run.RunConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.StringJoiner;
import java.util.function.BiFunction;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Scores samples of the averaged weights while a run goes on: at the start, every so many steps, and at the end.
 *
 * <p>Each is one record of names {@code eval/fid}, {@code eval/kd_embedded_teacher}, {@code eval/precision} and so on, errors with
 * {@code _se} or {@code _sd} behind, and {@code eval/samples}, {@code eval/seconds} and {@code eval/protocol}, the
 * fingerprint that {@value Protocol#FILE} explains; further networks have names of their own, such as {@code
 * eval/precision_judge} and {@code eval/protocol_judge}. What is recorded is not measured
 * again. An evaluation that fails is a warning, and one that is in the way of a stop is given up; the run goes on as it
 * would have without.
 */
public final class EvaluationListener implements TrainListener {
    private static final Logger LOG = LoggerFactory.getLogger(EvaluationListener.class);
    private static final String SAMPLES = "eval/samples";

    private final EvaluateSection section;
    private final long lastStep;
    private final Scoring scoring;
    private final MetricListener.Opening opening;
    private final Path folder;
    private final Path stats;
    private final BooleanSupplier stopRequested;
    private final Duration limit;
    private final Set<Long> recorded = new HashSet<>();
    private @Nullable MetricSink sink;
    private boolean warned;

    /** Draws samples and measures them. */
    interface Scoring {
        /** Opens all that is needed, so that a mistake in the config is told before the first step. */
        void check() throws IOException;

        /**
         * Draws and measures, with one network or several.
         *
         * @param weights the weights to draw with, by key
         * @param watch called every now and then; what it throws ends the evaluation
         */
        List<EvaluationResult> of(Map<String, NDArray> weights, Runnable watch) throws IOException;

        /** Returns how it draws and measures, one for each network; known once it has been checked. */
        List<Protocol> protocols();
    }

    /** Why an evaluation ended early. */
    private static final class GivenUpException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        GivenUpException(String reason) {
            super(reason);
        }
    }

    /**
     * Creates the listener.
     *
     * @param scoring what is measured
     * @param opening opens the sink of the records
     * @param folder the run folder
     * @param stopRequested whether somebody waits for the run to end
     * @param limit longest time of one evaluation
     */
    public EvaluationListener(
            RunConfig run,
            Scoring scoring,
            MetricListener.Opening opening,
            Path folder,
            BooleanSupplier stopRequested,
            Duration limit) {
        section = run.evaluate();
        lastStep = run.train().steps();
        this.scoring = scoring;
        this.opening = opening;
        this.folder = folder;
        stats = folder.resolve("stats.jsonl");
        this.stopRequested = stopRequested;
        this.limit = limit;
    }

    @Override
    public void onStart(StartKind kind, TrainState state) {
        try {
            scoring.check();
            for (Protocol protocol : scoring.protocols()) {
                protocol.addTo(folder);
            }
            sink = opening.open(state.step() + 1);
            recorded.addAll(StatsFile.steps(stats, SAMPLES));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        if (isDue(state.step())) {
            evaluate(state);
        }
    }

    @Override
    public void onStep(StepResult result, TrainState state) {
        if (isDue(result.step())) {
            evaluate(state);
        }
    }

    /** The last step is saved by now, so that a kill during this evaluation loses nothing. */
    @Override
    public void onEnd(StopReason reason, TrainState state) {
        if (sink == null) {
            return;
        }
        if (reason == StopReason.COMPLETED && !recorded.contains(state.step())) {
            evaluate(state);
        }
        try {
            sink.close();
        } catch (IOException e) {
            throw new UncheckedIOException("the metrics of the run cannot be closed", e);
        }
    }

    private boolean isDue(long step) {
        return step < lastStep
                && step % section.every() == 0
                && (step > 0 || section.atStart())
                && !recorded.contains(step);
    }

    private void evaluate(TrainState state) {
        long step = state.step();
        long start = System.nanoTime();
        try {
            List<EvaluationResult> results = scoring.of(state.shown(), () -> goOn(start));
            double seconds = (System.nanoTime() - start) * 1e-9;
            if (sink != null) {
                sink.scalars(step, values(results, scoring.protocols(), seconds));
            }
            recorded.add(step);
            results.forEach(result -> LOG.info("step {}: {}", step, text(result, seconds)));
            if (!warned) {
                warned = true;
                results.forEach(result -> result.warnings().forEach(LOG::info));
            }
        } catch (GivenUpException e) {
            LOG.warn("the evaluation of step {} was given up: {}", step, e.getMessage());
        } catch (IOException | RuntimeException | OutOfMemoryError e) { // a score is no reason to end a run
            LOG.warn("the evaluation of step {} failed, training goes on: {}", step, e.toString());
            LOG.debug("it failed here", e);
        }
    }

    private void goOn(long start) {
        if (stopRequested.getAsBoolean()) {
            throw new GivenUpException("the run was asked to stop");
        }
        if (System.nanoTime() - start > limit.toNanos()) {
            throw new GivenUpException("it took more than " + limit.toMinutes()
                    + " minutes and other ranks wait; set smaller evaluate.samples or evaluate.steps");
        }
    }

    /** The numbers under their names in {@code stats.jsonl}; those of further networks end with what these are called. */
    private static Map<String, Double> values(
            List<EvaluationResult> results, List<Protocol> protocols, double seconds) {
        Map<String, Double> values = values(results.get(0), Metric::id);
        values.put(SAMPLES, (double) results.get(0).samples());
        values.put("eval/seconds", seconds);
        values.put(ScoreId.PROTOCOL, protocols.get(0).number());
        for (int i = 1; i < results.size(); i++) {
            values.putAll(values(results.get(i), Metric::idAmongOthers));
            values.put(
                    ScoreId.PROTOCOL + "_" + results.get(i).space().word(),
                    protocols.get(i).number());
        }
        return values;
    }

    private static Map<String, Double> values(EvaluationResult result, BiFunction<Metric, FeatureSpace, String> id) {
        Map<String, Double> values = new LinkedHashMap<>();
        for (MetricValue value : result.values()) {
            String name = "eval/" + id.apply(value.metric(), result.space());
            Estimate estimate = value.estimate();
            values.put(name, estimate.value());
            OptionalDouble error = estimate.error();
            if (error.isPresent()) {
                boolean kernel = value.metric() == Metric.KID;
                boolean standard = kernel || estimate.errorIs().startsWith("standard error");
                values.put(name + (standard ? "_se" : "_sd"), error(result, value.metric(), error.getAsDouble()));
            }
        }
        return values;
    }

    private static double error(EvaluationResult result, Metric metric, double error) {
        return metric == Metric.KID ? RunEvaluation.kernelError(error, Math.toIntExact(result.samples())) : error;
    }

    private static String text(EvaluationResult result, double seconds) {
        StringJoiner text = new StringJoiner(", ");
        for (MetricValue value : result.values()) {
            Estimate estimate = value.estimate();
            String number = String.format(Locale.ROOT, "%s %.4g", value.title(), estimate.value());
            text.add(
                    estimate.error().isEmpty()
                            ? number
                            : number
                                    + String.format(
                                            Locale.ROOT,
                                            " ± %.2g",
                                            error(
                                                    result,
                                                    value.metric(),
                                                    estimate.error().getAsDouble())));
        }
        return text
                + String.format(
                        Locale.ROOT,
                        " of %,d samples in features of %s (%.0f s)",
                        result.samples(),
                        result.space().name(),
                        seconds);
    }
}
