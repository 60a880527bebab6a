package io.github.maskalign.examples;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Measures the bare training step. */
@Command(
        name = "bench",
        description = "Times the training step of a config on random data, after a warm-up.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign bench configs/emoji32-tiny-maskalign.yaml",
            "  maskalign bench configs/imagenet256-b2-maskalign.yaml --batch 8 --steps 5 --json"
        })
final class BenchCommand {
    @Mixin
    ConfigOptions config = new ConfigOptions();

    @Option(names = "--steps", paramLabel = "N", description = "Timed steps.")
    int steps = 20;

    @Option(names = "--batch", paramLabel = "B", description = "Pictures per step; that of the config unless given.")
    @Nullable
    Integer batch;

    @Option(names = "--json", description = "Print one JSON object instead of text.")
    boolean json;
}
