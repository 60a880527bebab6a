package io.github.maskalign.sit.weights.internal;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
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
     * Finds the newest snapshot.
     *
     * @param average empty for the main average, otherwise such as {@code ema0.99-}
     * @throws FileNotFoundException if there is none
     */
    public static Path newest(Path folder, String average) throws IOException {
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
