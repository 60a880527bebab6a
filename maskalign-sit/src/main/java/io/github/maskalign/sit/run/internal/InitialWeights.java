package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.train.RunCheckpoints;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.weights.ModelSettings;
import io.github.maskalign.sit.weights.SiTWeights;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import io.github.maskalign.sit.weights.WeightsExport;
import io.github.maskalign.sit.weights.WeightsExport.Extra;
import io.github.maskalign.sit.weights.WeightsFamily;
import io.github.maskalign.sit.weights.internal.Keys;
import io.github.maskalign.sit.weights.internal.OpenWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Weights that a run starts with: a run's averaged weights, or a file of any family, on either time axis.
 *
 * <p>They are written to {@code init.safetensors} in the run folder, under our names and on our axis, so that the folder
 * shows what the run began with. A token mixer that the file lacks starts fresh, which leaves the model's function as it
 * is, and so does the head of self-alignment, which is no part of it; every other difference is an error unless it was asked for.
 *
 * @param source run folder or file
 * @param projectorsMayDiffer whether projectors that the file lacks start fresh and those that the model lacks are left
 *     out
 */
public record InitialWeights(Path source, boolean projectorsMayDiffer) {
    private static final Logger LOG = LoggerFactory.getLogger(InitialWeights.class);

    /** Returns the checkpoints of a run that starts with these weights, unless it has a state to go on from. */
    public RunCheckpoints in(RunCheckpoints checkpoints, Path folder, SiTConfig model) throws IOException {
        if (hasState(folder)) {
            return checkpoints;
        }
        Path file = folder.resolve("init.safetensors");
        ImportOptions options = ImportOptions.AUTO.withNumHeads(model.model().numHeads());
        Path path = source;
        if (SampleSource.isRun(source)) {
            TrainedWeights run = TrainedWeights.find(source);
            path = run.weights();
            options = options.from(WeightsFamily.find(ModelSettings.family(RunPlan.model(run.config())))
                    .orElseThrow());
        }
        try (OpenWeights opened = OpenWeights.open(path, null, Unknown.REFUSE)) {
            SiTWeights weights = opened.sit(options);
            weights.notes().forEach(LOG::info);
            WeightsExport export =
                    WeightsExport.of(weights.dataAtZero(), WeightsExport.naturalFamily(weights), Extra.KEEP);
            SafetensorsWriter.write(file, export.tensors(), export.metadata());
            return checkpoints.initFrom(file, mayDiffer(export.tensors().keys(), model));
        }
    }

    private Predicate<String> mayDiffer(Set<String> keys, SiTConfig model) {
        boolean freshMixer = model.mixer().layers() > 0 && keys.stream().noneMatch(key -> key.startsWith("mixer."));
        if (freshMixer) {
            LOG.info("{} has no token mixer: it starts fresh", source);
        }
        boolean head = model.terms().selfAlign().isPresent();
        if (head) {
            LOG.info("the head of self-alignment starts fresh");
        }
        boolean endToEnd = model.terms().endToEnd().isPresent();
        return key -> (endToEnd && (key.startsWith(Keys.NORM) || EndToEndRun.isBesideTheModel(key)))
                || (head && key.startsWith(Keys.SELF_HEAD))
                || (freshMixer && key.startsWith("mixer."))
                || (projectorsMayDiffer && key.startsWith("projectors."));
    }

    private static boolean hasState(Path folder) throws IOException {
        Path states = folder.resolve("checkpoints");
        if (!Files.isDirectory(states)) {
            return false;
        }
        try (Stream<Path> entries = Files.list(states)) {
            return entries.anyMatch(entry -> String.valueOf(entry.getFileName()).startsWith("state-"));
        }
    }
}
