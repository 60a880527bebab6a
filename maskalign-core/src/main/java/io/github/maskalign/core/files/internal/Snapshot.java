package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.SafetensorsWriter.WrittenFile;
import io.github.maskalign.core.files.StateDict;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/**
 * Weights for use, not for resuming: one file {@code snapshot-0400000.safetensors}. If a run keeps several averages of
 * its weights, the files of those besides the first are named {@code snapshot-ema0.999-0400000.safetensors}.
 */
public final class Snapshot {
    private Snapshot() {}

    /** Returns the name of the snapshot of a step (from 0): seven digits or more. */
    public static String fileName(long step) {
        if (step < 0) {
            throw new IllegalArgumentException("step must be at least 0 but was " + step);
        }
        return String.format(Locale.ROOT, "snapshot-%07d.safetensors", step);
    }

    /** Returns the name of the snapshot of a further average, of a decay in [0, 1]. */
    public static String fileName(long step, double decay) {
        return fileName(step).replace("snapshot-", "snapshot-ema" + decayText(decay) + "-");
    }

    /** Returns a decay as it stands in names of files: {@code 0.9999}, never {@code 1.0E-5}. */
    public static String decayText(double decay) {
        return new BigDecimal(Double.toString(decay)).toPlainString();
    }

    /** Writes or replaces the snapshot of a step in one go, see {@link SafetensorsWriter#write}. */
    public static WrittenFile write(Path folder, long step, StateDict weights, Map<String, String> metadata)
            throws IOException {
        return SafetensorsWriter.write(folder.resolve(fileName(step)), weights, metadata);
    }

    /** Writes or replaces the snapshot of a further average in one go. */
    public static WrittenFile write(
            Path folder, long step, double decay, StateDict weights, Map<String, String> metadata) throws IOException {
        return SafetensorsWriter.write(folder.resolve(fileName(step, decay)), weights, metadata);
    }
}
