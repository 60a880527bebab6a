package io.github.maskalign.examples;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Describes the model of a config. */
@Command(
        name = "info",
        description = "Prints the model of a config: shapes, parameters, work per picture, memory.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign info configs/imagenet256-b2-maskalign.yaml",
            "  maskalign info configs/imagenet256-b2-maskalign.yaml --set align.maskRatio=0.5"
        })
final class InfoCommand {
    @Mixin
    ConfigOptions config = new ConfigOptions();
}
