package io.github.maskalign.sit.weights.internal;

import io.github.maskalign.core.files.internal.CheckpointDir;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The snapshots in a run folder: {@code snapshot-0000100.safetensors}, of other averages {@code snapshot-ema0.99-...}. */
public final class RunSnapshots {
    private static final Pattern SNAPSHOT = Pattern.compile("snapshot-(ema[0-9.]+-)?\\d+\\.safetensors");

    private RunSnapshots() {}

    /** Whether a file is named like the snapshot of a run. */
    public static boolean isSnapshot(Path file) {
        return SNAPSHOT.matcher(String.valueOf(file.getFileName())).matches();
    }

    /**
     * Finds the newest weights of a run's main average: its newest snapshot, or the average in its newest checkpoint.
     *
     * @throws FileNotFoundException if there is neither
     */
    public static Path newest(Path folder) throws IOException {
        return newest(folder, "", "ema");
    }

    /**
     * Finds the newest file of an average.
     *
     * @param average its part in the names of snapshots: empty for the main one, otherwise such as {@code ema0.99-}
     * @param inState its name in a checkpoint, such as {@code ema}
     * @throws FileNotFoundException if there is none
     */
    public static Path newest(Path folder, String average, String inState) throws IOException {
        String start = "snapshot-" + average;
        try (Stream<Path> files = Files.list(folder)) {
            Optional<Path> snapshot = files.filter(file ->
                            String.valueOf(file.getFileName()).matches(Pattern.quote(start) + "\\d+\\.safetensors"))
                    .max(Comparator.comparing(file -> new BigInteger(String.valueOf(file.getFileName())
                            .substring(start.length())
                            .replace(".safetensors", ""))));
            if (snapshot.isPresent()) {
                return snapshot.get();
            }
        }
        Path states = folder.resolve("checkpoints");
        Optional<CheckpointDir.Latest> latest =
                Files.isDirectory(states) ? CheckpointDir.openReadOnly(states).latestValid() : Optional.empty();
        if (latest.isEmpty()) {
            throw new FileNotFoundException("a " + start + "*.safetensors or a checkpoint in " + folder);
        }
        return latest.get().checkpoint().folder().resolve(inState + ".safetensors");
    }
}
