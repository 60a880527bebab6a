package io.github.maskalign.core.io;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/** Weights for use, not for resuming: one file {@code snapshot-0400000.safetensors}. */
public final class Snapshot {
    private Snapshot() {}

    /** Returns the name of the snapshot of a step (from 0): seven digits or more. */
    public static String fileName(long step) {
        if (step < 0) {
            throw new IllegalArgumentException("step must be at least 0 but was " + step);
        }
        return String.format(Locale.ROOT, "snapshot-%07d.safetensors", step);
    }

    /** Writes or replaces the snapshot of a step in one go, see {@link SafetensorsWriter#write}. */
    public static WrittenFile write(Path folder, long step, StateDict weights, Map<String, String> metadata)
            throws IOException {
        return SafetensorsWriter.write(folder.resolve(fileName(step)), weights, metadata);
    }
}
