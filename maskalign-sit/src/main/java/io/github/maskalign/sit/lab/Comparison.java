package io.github.maskalign.sit.lab;

import ai.djl.TrainingDivergedException;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.internal.RunLock;
import io.github.maskalign.core.files.internal.RunLock.RunLockedException;
import io.github.maskalign.core.train.TrainListener.StopReason;

import io.github.maskalign.sit.lab.ComparisonPlan.Equal;
import io.github.maskalign.sit.lab.ComparisonPlan.Variant;
import io.github.maskalign.sit.lab.internal.Cell;
import io.github.maskalign.sit.lab.internal.Cell.Outcome;
import io.github.maskalign.sit.lab.internal.ComparisonFiles;
import io.github.maskalign.sit.lab.internal.StepCosts;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunStatus;
import io.github.maskalign.sit.run.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains the variants of a plan with each seed, scores all by one protocol, and compares them.
 *
 * <pre>{@code
 * Comparison comparison = Comparison.open(Path.of("configs/lab/components.yaml"), Path.of("runs/components"));
 * if (comparison.run()) {
 *     comparison.write();
 * }
 * }</pre>
 *
 * <p>A cell is a variant with a seed, a training run in {@code cells/}. Finished cells are never computed again, killed ones
 * go on to the bit, and several processes or machines that see the folder share the cells by a lock each. {@link #write}
 * makes {@code results.json} and {@code results.csv}, which hold the same bytes however the work was cut, and the page
 * {@code comparison.html}, which states times too.
 */
public final class Comparison {
    private static final Logger LOG = LoggerFactory.getLogger(Comparison.class);
    private static final long OTHERS_MILLIS = 2_000;

    private final ComparisonPlan plan;
    private final Path base;
    private final Path folder;
    private final UnaryOperator<TrainingRun> settings;
    private volatile boolean stopRequested;
    private volatile @Nullable TrainingRun running;

    private Comparison(ComparisonPlan plan, Path base, Path folder, UnaryOperator<TrainingRun> settings) {
        this.plan = plan;
        this.base = base;
        this.folder = folder;
        this.settings = settings;
    }

    /**
     * Describes a comparison; nothing is opened or written before {@link #run}.
     *
     * @param file YAML file of a {@link ComparisonPlan}
     * @param folder where its cells and results go; made if it does not exist
     * @throws io.github.maskalign.core.config.ConfigException for all mistakes in the plan, or in a variant's config
     */
    public static Comparison open(Path file, Path folder) {
        ComparisonPlan plan =
                ConfigBinder.bind(file, List.of(), ComparisonPlan.class).value();
        Path base = file.toAbsolutePath().resolveSibling(plan.base()).normalize();
        Comparison opened = new Comparison(plan, base, folder, run -> run);
        for (Variant variant : plan.variants()) {
            opened.bind(variant, plan.seeds().get(0), plan.budget().steps()); // says what is wrong with it
        }
        return opened;
    }

    /**
     * Returns the comparison whose runs are changed before they train: where they keep what is made once, how they are
     * shown.
     */
    public Comparison withRuns(UnaryOperator<TrainingRun> change) {
        return new Comparison(plan, base, folder, change);
    }

    /** Returns the plan. */
    public ComparisonPlan plan() {
        return plan;
    }

    /** Asks {@link #run} to end; the run that trains saves its state first. May be called from any thread. */
    public void requestStop() {
        stopRequested = true;
        TrainingRun now = running;
        if (now != null) {
            now.requestStop();
        }
    }

    private Bound<RunConfig> bind(Variant variant, long seed, long steps) {
        List<String> overrides = new ArrayList<>(plan.set());
        overrides.addAll(variant.set());
        overrides.add("name=" + plan.name() + "-" + variant.name());
        overrides.add("seed=" + seed);
        overrides.add("train.steps=" + steps);
        int evaluations = plan.budget().evaluations();
        overrides.add("evaluate.every=" + (steps + evaluations - 1) / evaluations);
        Bound<RunConfig> bound = ConfigBinder.bind(base, overrides, RunConfig.class);
        if (steps == plan.budget().steps() || bound.value().optim().lrCurve().decaySteps() != plan.budget().steps()) {
            return bound;
        }
        overrides.add("optim.decaySteps=" + steps); // the rate falls until the end of each
        return ConfigBinder.bind(base, overrides, RunConfig.class);
    }

    /**
     * Trains and scores what is missing.
     *
     * @return whether all cells are finished; not if somebody asked to stop
     * @throws IOException if a folder cannot be used, or holds a cell of another config
     */
    public boolean run() throws IOException {
        AtomicFile.createFolders(folder);
        List<Cell> cells = cells(steps(true));
        for (Cell cell : cells) {
            cell.outcome(); // of another plan: told before anything is trained
        }
        while (true) {
            boolean all = true;
            boolean worked = false;
            for (Cell cell : cells) {
                if (stopRequested) {
                    return false;
                }
                if (cell.outcome().isEmpty()) {
                    boolean done = train(cell);
                    worked |= done;
                    all &= done;
                }
            }
            if (all) {
                return true;
            }
            if (!worked) {
                pause(); // others train what is left
            }
        }
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(OTHERS_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while others train the remaining cells", e);
        }
    }

    /** Trains a cell to its end, unless another process does. */
    private boolean train(Cell cell) throws IOException {
        TrainingRun run = settings.apply(TrainingRun.open(cell.config(), cell.folder()));
        running = run;
        try {
            if (stopRequested) {
                return false;
            }
            LOG.info("cell {} for {} steps", cell.name(), cell.config().value().train().steps());
            if (run.run() != StopReason.COMPLETED) {
                return false;
            }
            cell.finish();
            return true;
        } catch (RunLockedException e) {
            LOG.debug("{} is another process's", cell.name());
            return false;
        } catch (TrainingDivergedException e) {
            LOG.warn("{} has no result: {}", cell.name(), e.getMessage());
            cell.fail(String.valueOf(e.getMessage()));
            return true;
        } finally {
            running = null;
        }
    }

    private List<Cell> cells(Map<String, Long> steps) {
        List<Cell> cells = new ArrayList<>();
        for (long seed : plan.seeds()) { // whole rounds of seeds: what is cut short still compares all variants
            for (Variant variant : plan.variants()) {
                Bound<RunConfig> config = bind(variant, seed, steps.getOrDefault(variant.name(), 0L));
                Path place = folder.resolve("cells").resolve(variant.name() + "-seed" + seed);
                cells.add(new Cell(variant.name(), seed, place, config));
            }
        }
        return cells;
    }

    /**
     * The steps of each variant.
     *
     * @param measure whether times may be measured where nobody has yet; they are then kept
     */
    private Map<String, Long> steps(boolean measure) throws IOException {
        long own = plan.budget().steps();
        Map<String, Long> steps = new LinkedHashMap<>();
        if (plan.budget().equal() == Equal.STEPS) {
            plan.variants().forEach(variant -> steps.put(variant.name(), own));
            return steps;
        }
        Map<String, Double> costs = plan.budget().equal() == Equal.FLOPS ? flops() : seconds(measure);
        double budget = own * costs.getOrDefault(plan.reference(), Double.NaN);
        costs.forEach((variant, cost) -> steps.put(variant, Math.max(1, Math.round(budget / cost))));
        return steps;
    }

    private Map<String, Double> flops() {
        Map<String, Double> costs = new LinkedHashMap<>();
        for (Variant variant : plan.variants()) {
            costs.put(variant.name(), StepCosts.flops(bind(variant, plan.seeds().get(0), 1).value()));
        }
        return costs;
    }

    private Map<String, Double> seconds(boolean measure) throws IOException {
        Path file = folder.resolve("step-seconds.json");
        Optional<Map<String, Double>> known = StepCosts.read(file);
        if (known.isPresent() && known.get().keySet().containsAll(plan.variants().stream().map(Variant::name).toList())) {
            return known.get();
        }
        Map<String, Double> costs = new LinkedHashMap<>();
        if (!measure) {
            return costs;
        }
        try (RunLock lock = RunLock.acquire(folder.resolve("timing"))) {
            for (Variant variant : plan.variants()) {
                Bound<RunConfig> config = bind(variant, plan.seeds().get(0), StepCosts.STEPS);
                costs.put(variant.name(), StepCosts.seconds(config, folder.resolve("timing").resolve(variant.name()), settings));
            }
            StepCosts.write(file, costs);
        } catch (RunLockedException e) { // another process measures
            pause();
            return seconds(true);
        }
        return costs;
    }

    /**
     * Describes the cells: how far each is, what it costs, and the time that is left by the steps that were taken.
     *
     * @throws IOException if a folder holds a cell of another config
     */
    public String describe() throws IOException {
        StringBuilder text = new StringBuilder();
        text.append(String.format(Locale.ROOT, "%-28s %8s %8s %14s  %s%n", "cell", "step", "of", "PFLOP in all", "state"));
        Map<String, Long> steps = steps(false);
        double left = 0;
        boolean known = true;
        int finished = 0;
        List<Cell> cells = cells(steps);
        Map<String, Double> rates = new LinkedHashMap<>();
        for (Cell cell : cells) {
            StepCosts.measured(cell).ifPresent(rate -> rates.put(cell.variant(), rate));
        }
        for (Cell cell : cells) {
            long all = cell.config().value().train().steps();
            boolean done = cell.outcome().isPresent();
            long at = done ? all : progress(cell);
            finished += done ? 1 : 0;
            Double rate = rates.get(cell.variant());
            known &= done || rate != null;
            left += done || rate == null ? 0 : (all - at) * rate;
            text.append(String.format(
                    Locale.ROOT,
                    "%-28s %8d %8d %14.3f  %s%n",
                    cell.name(),
                    at,
                    all,
                    all * StepCosts.flops(cell.config().value()) / 1e15,
                    done ? "finished" : at > 0 ? "begun" : "to do"));
        }
        text.append(String.format(
                Locale.ROOT,
                "%d of %d cells are finished; %s%n",
                finished,
                cells.size(),
                known
                        ? String.format(Locale.ROOT, "about %.1f hours of one process are left", left / 3600)
                        : "the time left is known once each variant has trained some steps"));
        return text.toString();
    }

    private static long progress(Cell cell) throws IOException {
        return Files.exists(cell.folder().resolve("stats.jsonl"))
                ? RunStatus.read(cell.folder(), false).step()
                : 0;
    }

    /**
     * Writes {@code results.json}, {@code results.csv} and {@code comparison.html} of the cells that are finished.
     *
     * @param made the time that the page states
     * @return the page
     * @throws IOException if a cell cannot be read, or nothing is finished
     */
    public Path write(Instant made) throws IOException {
        Map<Cell, Outcome> finished = new LinkedHashMap<>();
        for (Cell cell : cells(steps(false))) {
            cell.outcome().ifPresent(outcome -> finished.put(cell, outcome));
        }
        return new ComparisonFiles(plan, finished).write(folder, made);
    }
}
