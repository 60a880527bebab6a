package io.github.maskalign.sit.run.internal;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/** Kinds of files that weights are written to, known by how the name ends. */
public enum WeightsFormat {
    /** {@code .safetensors}. */
    SAFETENSORS,
    /** {@code .pt} or {@code .pth}, as {@code torch.save} writes it. */
    TORCH;

    /** Returns the kind a name stands for; empty if it ends in something else. */
    public static Optional<WeightsFormat> of(Path file) {
        String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
        if (name.endsWith(".safetensors")) {
            return Optional.of(SAFETENSORS);
        }
        return name.endsWith(".pt") || name.endsWith(".pth") ? Optional.of(TORCH) : Optional.empty();
    }
}
