package io.github.maskalign.examples;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Trains the small encoder that is shipped for the emoji set. */
@Command(
        name = "train-teacher",
        description = {
            "Trains a small vision transformer whose tokens the model aligns with, and exports it.",
            "Drawings of the same emoji by different artists are its positive pairs."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign train-teacher configs/emoji32-teacher.yaml",
            "  maskalign train-teacher configs/emoji32-teacher.yaml --out runs/teacher --steps 2000"
        })
final class TrainTeacherCommand {
    @Mixin
    ConfigOptions config = new ConfigOptions();

    @Option(names = "--dry-run", description = "Check everything, print the resolved config, and stop.")
    boolean dryRun;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Run folder; runs/ and the name of the config unless given.")
    @Nullable
    Path out;

    @Option(
            names = "--steps",
            paramLabel = "N",
            description = "Train up to this step instead of the one of the config.")
    @Nullable
    Long steps;
}
