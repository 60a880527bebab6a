package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.files.internal.Checkpoint.Snapshot;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.weights.internal.RunSnapshots;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Weights and the config they were trained with.
 *
 * @param config the experiment
 * @param weights a safetensors file
 * @param folder the run folder
 */
public record TrainedWeights(RunConfig config, Path weights, Path folder) {
    private static final Pattern AVERAGE = Pattern.compile("ema(-[0-9_]+)?\\.safetensors");

    /**
     * Finds the newest averaged weights of a run folder, or takes the file that is named: a snapshot or, where a run has
     * none, the average in its newest checkpoint.
     *
     * @param source a run folder, or a weights file inside one
     * @throws FileNotFoundException if there are no such weights or no config
     */
    public static TrainedWeights find(Path source) throws IOException {
        boolean isFolder = Files.isDirectory(source);
        Path folder = isFolder ? source : runOf(source);
        Path weights = isFolder ? RunSnapshots.newest(source) : source;
        if (!Files.exists(weights)) {
            throw new FileNotFoundException(weights.toString());
        }
        Path config = folder.resolve("config.yaml");
        if (!Files.exists(config)) {
            throw new FileNotFoundException(
                    config + ", which says what model " + weights.getFileName() + " belongs to");
        }
        return new TrainedWeights(
                ConfigBinder.bind(config, List.of(), RunConfig.class).value(), weights, folder);
    }

    /**
     * Finds the newest of one of the averages that a run keeps.
     *
     * @param folder a run folder
     * @param decay decay of the average
     * @throws IllegalArgumentException if it is no folder or the run keeps no such average
     * @throws FileNotFoundException if there are no such weights or no config
     */
    public static TrainedWeights find(Path folder, double decay) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new IllegalArgumentException("--ema goes with a run folder, which " + folder + " is not");
        }
        if (!(decay >= 0 && decay <= 1)) {
            throw new IllegalArgumentException("--ema must be in [0, 1] but was " + decay);
        }
        TrainedWeights main = find(folder);
        OptimConfig optim = main.config.optim();
        if (decay == optim.emaDecay()) {
            return main;
        }
        if (!optim.extraEmaDecays().contains(decay)) {
            List<String> kept = Stream.concat(Stream.of(optim.emaDecay()), optim.extraEmaDecays().stream())
                    .map(Snapshot::decayText)
                    .toList();
            throw new IllegalArgumentException(folder + " keeps averages of the decays " + kept + " but not of "
                    + Snapshot.decayText(decay) + "; they are optim.emaDecay and optim.extraEmaDecays");
        }
        String text = Snapshot.decayText(decay);
        Path weights = RunSnapshots.newest(folder, "ema" + text + "-", "ema-" + text.replace('.', '_'));
        return new TrainedWeights(main.config, weights, folder);
    }

    /** Whether a file is named like the averaged weights of a run, and lies in one. */
    static boolean isInRun(Path file) {
        return (RunSnapshots.isSnapshot(file) || isInState(file))
                && Files.exists(runOf(file).resolve("config.yaml"));
    }

    private static boolean isInState(Path file) {
        Path state = file.toAbsolutePath().getParent();
        return AVERAGE.matcher(String.valueOf(file.getFileName())).matches()
                && state != null
                && String.valueOf(state.getFileName()).startsWith("state-");
    }

    /** Returns the folder of the run that a snapshot, or the average in a checkpoint, belongs to. */
    private static Path runOf(Path file) {
        Path folder = file.toAbsolutePath().resolveSibling("");
        return isInState(file) ? folder.resolve("..").resolve("..").normalize() : folder;
    }
}
