package io.github.maskalign.core.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.internal.Checkpoint;
import io.github.maskalign.core.files.internal.Checkpoint.Snapshot;
import io.github.maskalign.core.files.internal.CheckpointDir;
import io.github.maskalign.core.train.TrainListener.StartKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of one run: full states to resume from, and snapshots of the averaged weights for use.
 *
 * <pre>
 * RUN/checkpoints/state-0000400/weights.safetensors, ema, exp_avg, exp_avg_sq, manifest.json
 * RUN/snapshot-0000400.safetensors
 * </pre>
 *
 * <p>Weights without averages can be written beside each snapshot, see {@link #withPart}. With {@link OptimConfig#extraEmaDecays} there is an {@code ema-0_999} and a {@code snapshot-ema0.999-0000400} too for
 * each. Keys are those of the weights in all of them. Hold the run's {@code RunLock} while using an instance.
 */
public final class RunCheckpoints {
    private static final Logger LOG = LoggerFactory.getLogger(RunCheckpoints.class);
    private static final String SKIPPED = "skipped";
    private static final String AUTO_STOP = "auto_stop"; // "stoppedAt inRow", if there is anything to remember

    private final Path runFolder;
    private final RunIdentity identity;
    private final CheckpointDir states;
    private final Optional<Path> initFrom;
    private final Predicate<String> mayDiffer;
    private final @Nullable String part;
    private volatile @Nullable Path newest;

    private RunCheckpoints(
            Path runFolder,
            RunIdentity identity,
            CheckpointDir states,
            Optional<Path> initFrom,
            Predicate<String> mayDiffer,
            @Nullable String part) {
        this.runFolder = runFolder;
        this.identity = identity;
        this.states = states;
        this.initFrom = initFrom;
        this.mayDiffer = mayDiffer;
        this.part = part;
    }

    /**
     * Opens or creates the folder of a run, and removes what a killed process left half written.
     *
     * @param keepLast how many states are kept, at least 1
     */
    public static RunCheckpoints open(Path runFolder, RunIdentity identity, int keepLast) throws IOException {
        return open(runFolder, identity, keepLast, 0);
    }

    /**
     * Opens or creates the folder of a run, and removes what a killed process left half written.
     *
     * @param keepLast how many states are kept, at least 1
     * @param keepEvery states of multiples of this many steps are kept for good; 0 keeps none
     */
    public static RunCheckpoints open(Path runFolder, RunIdentity identity, int keepLast, long keepEvery)
            throws IOException {
        CheckpointDir states = CheckpointDir.open(runFolder.resolve("checkpoints"), keepLast, keepEvery);
        AtomicFile.removeLeftovers(runFolder);
        return new RunCheckpoints(runFolder, identity, states, Optional.empty(), key -> false, null);
    }

    /**
     * Returns the same files for a run that starts with the weights of a safetensors file unless it is resumed.
     *
     * @param snapshot a snapshot of this or another run, or a converted file with the same keys
     * @param weightsMayDiffer keys that the model may have and the file not, which then keep their fresh weights,
     *     or the file and the model not; a new token mixer, for example
     */
    public RunCheckpoints initFrom(Path snapshot, Predicate<String> weightsMayDiffer) {
        return new RunCheckpoints(runFolder, identity, states, Optional.of(snapshot), weightsMayDiffer, part);
    }

    /**
     * Returns the same files with one more beside each snapshot, {@code RUN/NAME/NAME-0000400.safetensors}: the weights whose
     * keys begin with {@code NAME.}, as they are and not averaged, without that beginning. The folder must exist.
     */
    public RunCheckpoints withPart(String name) {
        return new RunCheckpoints(runFolder, identity, states, initFrom, mayDiffer, name);
    }

    /** Returns the file of a part of the weights that belongs to a snapshot, see {@link #withPart}. */
    public static Path partFile(Path runFolder, String name, long step) {
        return runFolder.resolve(name).resolve(String.format(Locale.ROOT, "%s-%07d.safetensors", name, step));
    }

    /** Returns the file of the snapshot of a step, written or not. */
    public Path snapshotFile(long step) {
        return runFolder.resolve(Snapshot.fileName(step));
    }

    /**
     * Brings a fresh state to where the run begins. There are three ways, tried in this order:
     *
     * <ol>
     *   <li>resume: the folder has a saved state of this run; the newest undamaged one is loaded. This comes first,
     *       so that the command that started a run also continues it;
     *   <li>initialise: a snapshot was named; its weights are loaded, the average starts from them, at step 0;
     *   <li>scratch: the fresh weights stay, at step 0.
     * </ol>
     *
     * @throws CheckpointFormatException if the saved states are of other settings, do not fit the model or are all
     *     damaged; or if the snapshot does not fit
     */
    StartKind start(TrainState state) throws IOException {
        Optional<CheckpointDir.Latest> latest = states.latestValid();
        if (latest.isPresent()) {
            resume(latest.get().checkpoint(), state);
            return StartKind.RESUMED;
        }
        if (initFrom.isPresent()) {
            initialise(initFrom.get(), state);
            return StartKind.INITIALIZED;
        }
        return StartKind.SCRATCH;
    }

    /** Saves all that resuming needs, and returns its folder. */
    Path save(StateArrays state) throws IOException {
        Map<String, String> metadata = new TreeMap<>(identity.metadata());
        metadata.put(SKIPPED, Long.toString(state.skipped()));
        if (!state.autoStop().equals(AutoStop.Memory.NONE)) {
            metadata.put(
                    AUTO_STOP,
                    state.autoStop().stoppedAt() + " " + state.autoStop().inRow());
        }
        Map<String, StateDict> contents = new LinkedHashMap<>();
        state.files().forEach((name, arrays) -> contents.put(name, StateDict.of(arrays)));
        Path saved = states.save(state.step(), contents, metadata).folder();
        newest = saved;
        return saved;
    }

    /** Returns the folder of the state that was saved or resumed last; null if there is none. */
    @Nullable
    Path newest() {
        return newest;
    }

    /** Saves the averaged weights, each average in a file of its own, and returns the files, the main one first. */
    List<Path> snapshots(StateArrays state) throws IOException {
        Map<String, String> metadata = new TreeMap<>(identity.metadata());
        metadata.put("step", Long.toString(state.step()));
        metadata.put("weights", "ema");
        List<Path> files = new ArrayList<>();
        String name = part;
        if (name != null) { // first, so that every snapshot has it
            Map<String, NDArray> own = new LinkedHashMap<>();
            state.files().getOrDefault(StateArrays.WEIGHTS, Map.of()).forEach((key, array) -> {
                if (key.startsWith(name + ".")) {
                    own.put(key.substring(name.length() + 1), array);
                }
            });
            SafetensorsWriter.write(partFile(runFolder, name, state.step()), StateDict.of(own), Map.of("format", "pt"));
        }
        files.add(Snapshot.write(runFolder, state.step(), average(state, StateArrays.EMA), metadata)
                .path());
        for (double decay : state.extraDecays()) {
            metadata.put("ema_decay", Snapshot.decayText(decay));
            StateDict average = average(state, StateArrays.fileOf(decay));
            files.add(Snapshot.write(runFolder, state.step(), decay, average, metadata)
                    .path());
        }
        return files;
    }

    private static StateDict average(StateArrays state, String file) {
        return StateDict.of(state.files().getOrDefault(file, Map.of()));
    }

    /** Tells whether all snapshots of a step are there. */
    boolean hasSnapshots(StateArrays state) {
        String name = part;
        return Files.exists(snapshotFile(state.step()))
                && (name == null || Files.exists(partFile(runFolder, name, state.step())))
                && state.extraDecays().stream()
                        .allMatch(decay -> Files.exists(runFolder.resolve(Snapshot.fileName(state.step(), decay))));
    }

    private void resume(Checkpoint checkpoint, TrainState state) throws IOException {
        List<String> others = identity.settingsOtherThan(checkpoint.metadata());
        if (!others.isEmpty()) {
            List<String> problems = new ArrayList<>(others);
            problems.add("a run goes on only with the settings it began with (the number of steps, saving and logging"
                    + " may change); restore them, or train into another folder and start from "
                    + averageOf(checkpoint));
            throw new CheckpointFormatException(checkpoint.folder().toString(), problems);
        }
        List<String> inexact = identity.exactOtherThan(checkpoint.metadata());
        if (!inexact.isEmpty()) {
            List<String> problems = new ArrayList<>(inexact);
            problems.add("a deterministic run goes on only where it rounds as before; restore that, or go on with"
                    + " other roundings by --set runtime.deterministic=false");
            throw new CheckpointFormatException(checkpoint.folder().toString(), problems);
        }
        identity.provenanceOtherThan(checkpoint.metadata())
                .forEach(other -> LOG.warn("the run may continue with other roundings: {}", other));
        long skipped = skipped(checkpoint);
        AutoStop.Memory autoStop = autoStop(checkpoint);
        Map<String, Map<String, NDArray>> targets = StateArrays.of(state).files();
        requireSameAverages(checkpoint, targets.keySet());
        for (Map.Entry<String, Map<String, NDArray>> target : targets.entrySet()) {
            try (SafetensorsFile file = checkpoint.open(target.getKey())) {
                file.stateDict().require(shapes(target.getValue())); // all files, before the first array changes
            }
        }
        for (Map.Entry<String, Map<String, NDArray>> target : targets.entrySet()) {
            try (SafetensorsFile file = checkpoint.open(target.getKey())) {
                state.load(file.stateDict(), target.getValue());
            }
        }
        state.moveTo(checkpoint.step(), skipped);
        state.remember(autoStop);
        newest = checkpoint.folder();
    }

    /** Returns the file of the averaged weights at a checkpoint's step: its snapshot, or if there is none its own. */
    private Path averageOf(Checkpoint checkpoint) {
        Path snapshot = snapshotFile(checkpoint.step());
        return Files.exists(snapshot) ? snapshot : checkpoint.folder().resolve(StateArrays.EMA + ".safetensors");
    }

    private static void requireSameAverages(Checkpoint checkpoint, Set<String> needed) throws IOException {
        Predicate<String> isAverage = name -> name.startsWith(StateArrays.EMA);
        Set<String> saved =
                checkpoint.names().stream().filter(isAverage).collect(Collectors.toCollection(TreeSet::new));
        Set<String> wanted = needed.stream().filter(isAverage).collect(Collectors.toCollection(TreeSet::new));
        if (!saved.equals(wanted)) {
            throw new CheckpointFormatException(
                    checkpoint.folder(),
                    "the moving averages saved are " + saved + " but those of this run are " + wanted
                            + "; a run goes on with the decays it began with, because an average cannot be made up for");
        }
    }

    private void initialise(Path snapshot, TrainState state) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(snapshot)) {
            Map<String, NDArray> targets = new LinkedHashMap<>(state.weights());
            Map<String, Shape> expected = shapes(targets);
            StateDict tensors = file.stateDict();
            for (String key : tensors.keys()) {
                if (!expected.containsKey(key) && mayDiffer.test(key)) {
                    expected.put(key, tensors.get(key).shape());
                }
            }
            targets.keySet().removeIf(key -> !tensors.keys().contains(key) && mayDiffer.test(key));
            expected.keySet().removeIf(key -> !tensors.keys().contains(key) && mayDiffer.test(key));
            tensors.require(expected);
            state.load(tensors, targets);
        }
        state.restartAverage();
    }

    private static long skipped(Checkpoint checkpoint) throws CheckpointFormatException {
        String text = checkpoint.metadata().getOrDefault(SKIPPED, "");
        try {
            long skipped = Long.parseLong(text);
            if (skipped >= 0 && skipped <= checkpoint.step()) {
                return skipped;
            }
        } catch (NumberFormatException e) {
            // the same complaint
        }
        throw new CheckpointFormatException(
                checkpoint.folder(), "skipped must be in [0, step " + checkpoint.step() + "] but was '" + text + "'");
    }

    private static AutoStop.Memory autoStop(Checkpoint checkpoint) throws CheckpointFormatException {
        String text = checkpoint.metadata().get(AUTO_STOP);
        if (text == null) {
            return AutoStop.Memory.NONE; // nothing was remembered, or the state is of an earlier release
        }
        if (text.matches("(-1|[0-9]{1,18}) [0-9]{1,9}")) {
            String[] numbers = text.split(" ");
            AutoStop.Memory memory = new AutoStop.Memory(Long.parseLong(numbers[0]), Integer.parseInt(numbers[1]));
            if (memory.stoppedAt() < checkpoint.step()) {
                return memory;
            }
        }
        throw new CheckpointFormatException(
                checkpoint.folder(),
                AUTO_STOP + " must be a step below " + checkpoint.step() + ", or -1, and a number of checks but was '"
                        + text + "'");
    }

    private static Map<String, Shape> shapes(Map<String, NDArray> arrays) {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        arrays.forEach((key, array) -> shapes.put(key, array.getShape()));
        return shapes;
    }

    /**
     * The numbers of a state at one step, as they are saved.
     *
     * @param step number of finished steps
     * @param skipped how many of them changed nothing
     * @param extraDecays decays of the averages besides the first
     * @param autoStop what is remembered of terms that stop by themselves
     * @param files arrays by key, by the name of the file they go to
     */
    record StateArrays(
            long step,
            long skipped,
            List<Double> extraDecays,
            AutoStop.Memory autoStop,
            Map<String, Map<String, NDArray>> files) {
        static final String EMA = "ema";
        static final String WEIGHTS = "weights";

        /** Returns the name of the file of a further average, such as {@code ema-0_999}: names have no dots. */
        static String fileOf(double decay) {
            return EMA + "-" + Snapshot.decayText(decay).replace('.', '_');
        }

        /** Returns the state's own arrays; they change with it. */
        static StateArrays of(TrainState state) {
            Map<String, Map<String, NDArray>> all = new LinkedHashMap<>();
            all.put(WEIGHTS, state.weights());
            all.put(EMA, state.ema());
            state.extraEma().forEach((decay, arrays) -> all.put(fileOf(decay), arrays));
            all.put("exp_avg", state.expAvg());
            all.put("exp_avg_sq", state.expAvgSq());
            if (!state.expAvgDiff().isEmpty()) {
                all.put("exp_avg_diff", state.expAvgDiff());
                all.put("neg_pre_grad", state.negPreGrad());
            }
            return new StateArrays(
                    state.step(), state.skipped(), List.copyOf(state.extraEma().keySet()), state.autoStop(), all);
        }
    }
}
