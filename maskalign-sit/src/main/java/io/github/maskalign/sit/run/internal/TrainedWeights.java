package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.files.internal.Checkpoint.Snapshot;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.sit.run.RunConfig;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
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
    private static final Pattern SNAPSHOT = Pattern.compile("snapshot-(ema[0-9.]+-)?\\d+\\.safetensors");

    /**
     * Finds the newest snapshot of a run folder, or takes the snapshot that is named.
     *
     * @param source a run folder, or a weights file inside one
     * @throws FileNotFoundException if there is no snapshot or no config beside it
     */
    public static TrainedWeights find(Path source) throws IOException {
        boolean isFolder = Files.isDirectory(source);
        Path folder = isFolder ? source : source.toAbsolutePath().resolveSibling("");
        Path weights = isFolder ? newest(source, "") : source;
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
     * Finds the newest snapshot of one of the averages that a run keeps.
     *
     * @param folder a run folder
     * @param decay decay of the average
     * @throws IllegalArgumentException if it is no folder or the run keeps no such average
     * @throws FileNotFoundException if there is no snapshot or no config beside it
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
        return new TrainedWeights(main.config, newest(folder, "ema" + Snapshot.decayText(decay) + "-"), folder);
    }

    /** Whether a file is named like the snapshot of a run. */
    static boolean isSnapshot(Path file) {
        return SNAPSHOT.matcher(String.valueOf(file.getFileName())).matches();
    }

    private static Path newest(Path folder, String average) throws IOException {
        String start = "snapshot-" + average;
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file ->
                            String.valueOf(file.getFileName()).matches(Pattern.quote(start) + "\\d+\\.safetensors"))
                    .max(Comparator.comparing(file -> new BigInteger(String.valueOf(file.getFileName())
                            .substring(start.length())
                            .replace(".safetensors", ""))))
                    .orElseThrow(() -> new FileNotFoundException("a " + start + "*.safetensors in " + folder));
        }
    }
}
