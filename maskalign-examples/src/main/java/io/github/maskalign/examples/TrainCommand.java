package io.github.maskalign.examples;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Trains a model as a config says. */
@Command(
        name = "train",
        description = {
            "Trains a model. The same command again goes on where the run stopped, bit for bit.",
            "Ctrl-C saves a checkpoint before the process ends."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign train configs/quickstart.yaml",
            "  maskalign train configs/quickstart.yaml --dry-run",
            "  maskalign train configs/quickstart.yaml --out runs/no-mask --set subset.ratio=0"
        })
final class TrainCommand {
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
