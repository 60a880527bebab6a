package io.github.maskalign.examples;

import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.sit.run.internal.TrainedWeights;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import io.github.maskalign.sit.weights.WeightsFamily;
import io.github.maskalign.sit.weights.internal.OpenWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What a file of weights from elsewhere does not say about itself: shared by the commands that read such files. */
final class ImportMixin {
    @Option(
            names = "--section",
            paramLabel = "NAME",
            description = "State dict inside a checkpoint, such as ema or model; the only one, or ema, unless given.")
    @Nullable
    String section;

    @Option(
            names = "--from",
            paramLabel = "FAMILY",
            description =
                    "Project the file comes from: auto, sit-official, repa, repa-legacy, reg, reglue, redi, repa-e,"
                            + " irepa, dit, mdtv2, or sit and maskalign for this library.")
    String from = "auto";

    @Option(
            names = "--heads",
            paramLabel = "N",
            description = "Attention heads of the model; those of the published size unless given.")
    int heads;

    @Option(
            names = "--encoder-depth",
            paramLabel = "N",
            description = "Blocks before the projectors; 4 up to 12 blocks and 8 for more unless given.")
    int encoderDepth;

    @Option(names = "--drop-projectors", description = "Leave the projectors out; sampling does not need them.")
    boolean dropProjectors;

    @Option(
            names = "--allow-unknown",
            description = "Skip over objects of unknown classes in a .pt file instead of refusing it.")
    boolean allowUnknown;

    /** Opens a file, or the newest averaged weights of a run folder. */
    OpenWeights open(Path source) throws IOException {
        return open(source, section, allowUnknown);
    }

    static OpenWeights open(Path source, @Nullable String section, boolean allowUnknown) throws IOException {
        Path file = Files.isDirectory(source) ? TrainedWeights.find(source).weights() : source;
        return OpenWeights.open(file, section, allowUnknown ? Unknown.OPAQUE : Unknown.REFUSE);
    }

    /** What becomes of unknown classes. */
    Unknown unknown() {
        return allowUnknown ? Unknown.OPAQUE : Unknown.REFUSE;
    }

    ImportOptions options() {
        WeightsFamily family = from.equals("auto")
                ? null
                : WeightsFamily.find(from)
                        .orElseThrow(() -> CommandFailure.badInput("--from must be auto or a family but was " + from
                                + "; families: " + WeightsFamily.ids()));
        return new ImportOptions(family, heads, encoderDepth, dropProjectors);
    }
}
