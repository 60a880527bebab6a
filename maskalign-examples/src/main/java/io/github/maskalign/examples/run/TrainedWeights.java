package io.github.maskalign.examples.run;

import io.github.maskalign.core.config.ConfigBinder;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Weights and the config they were trained with.
 *
 * @param config the experiment
 * @param weights a safetensors file
 * @param folder the run folder
 */
public record TrainedWeights(RunConfig config, Path weights, Path folder) {
    /**
     * Finds the newest snapshot of a run folder, or takes the snapshot that is named.
     *
     * @param source a run folder, or a weights file inside one
     * @throws FileNotFoundException if there is no snapshot or no config beside it
     */
    public static TrainedWeights find(Path source) throws IOException {
        boolean isFolder = Files.isDirectory(source);
        Path folder = isFolder ? source : source.toAbsolutePath().resolveSibling("");
        Path weights = isFolder ? newest(source) : source;
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

    private static Path newest(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.getFileName().toString().matches("snapshot-\\d+\\.safetensors"))
                    .max(Comparator.comparing(Path::getFileName))
                    .orElseThrow(() -> new FileNotFoundException("a snapshot-*.safetensors in " + folder));
        }
    }
}
