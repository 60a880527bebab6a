package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.internal.TorchFileWriter;
import io.github.maskalign.sit.weights.SiTWeights;
import io.github.maskalign.sit.weights.WeightsExport;
import io.github.maskalign.sit.weights.WeightsFamily;
import io.github.maskalign.sit.weights.internal.OpenWeights;
import io.github.maskalign.sit.weights.internal.RoundedTensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Weights on their way from one file to another; tensors are read while they are written.
 *
 * @param tensors what to write
 * @param metadata texts that go with them
 * @param notes what was changed, as sentences for a person
 */
public record Conversion(StateDict tensors, Map<String, String> metadata, List<String> notes) {
    private static final String AVERAGED = "ema";

    /** Copies the collections. */
    public Conversion {
        metadata = Map.copyOf(metadata);
        notes = List.copyOf(notes);
    }

    /** Takes the tensors as they are. */
    public static Conversion plain(OpenWeights weights) {
        return new Conversion(weights.tensors(), weights.file().metadata(), List.of());
    }

    /**
     * Returns the project that {@code --family} names.
     *
     * @throws IllegalArgumentException if weights cannot be written for it
     */
    public static WeightsFamily target(String family) {
        return WeightsFamily.find(family)
                .filter(found -> found == WeightsFamily.REDI
                        || found == WeightsFamily.REGLUE
                        || WeightsExport.TARGETS.contains(found))
                .orElseThrow(() -> new IllegalArgumentException(
                        "--family must be sit, repa, reg, maskalign, sit-official, irepa, dit, mdtv2, redi or reglue but was "
                                + family));
    }

    /**
     * Takes weights of the SiT family to a project.
     *
     * @param foldTime whether weights with data at time 1 are turned
     * @param target the project; null for what the model is under our names
     * @param extra what becomes of a mixer if the project has none
     */
    public static Conversion of(
            SiTWeights read, boolean foldTime, @Nullable WeightsFamily target, WeightsExport.Extra extra)
            throws IOException {
        SiTWeights weights = foldTime ? read.dataAtZero() : read;
        WeightsFamily family = target == null ? WeightsExport.naturalFamily(weights) : target;
        List<String> notes = new ArrayList<>();
        notes.add("read as " + weights.family().id() + ": " + weights.guess().evidence());
        WeightsExport export = WeightsExport.of(weights, family, extra);
        notes.addAll(export.notes());
        notes.add("written for " + family.id() + ", "
                + export.metadata()
                        .getOrDefault("time_convention", weights.time().id()));
        return new Conversion(export.tensors(), export.metadata(), notes);
    }

    /** Rounds all floating-point tensors to one type. */
    public Conversion as(TensorType type) {
        Map<String, TensorSource> rounded = new LinkedHashMap<>();
        tensors.tensors().forEach((key, tensor) -> rounded.put(key, RoundedTensor.of(tensor, type)));
        return new Conversion(StateDict.ofTensors(rounded), metadata, notes);
    }

    /**
     * Writes or replaces a file in one step.
     *
     * @param bare for a PyTorch file: whether it is the state dict itself, without metadata, or a dict with the entry
     *     {@code ema}, which the projects' samplers look for, and the metadata as further entries
     */
    public void write(Path file, WeightsFormat format, boolean bare) throws IOException {
        if (format == WeightsFormat.SAFETENSORS) {
            SafetensorsWriter.write(file, tensors, metadata);
        } else if (bare) {
            TorchFileWriter.write(file, tensors);
        } else {
            Map<String, Object> content = new LinkedHashMap<>();
            content.put(AVERAGED, tensors);
            content.putAll(metadata);
            TorchFileWriter.write(file, content);
        }
    }

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
}
