package io.github.maskalign.examples;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.ConfigOptions.CacheFolder;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.examples.Main.Version;
import io.github.maskalign.examples.autoencoder.AutoencoderConfig;
import io.github.maskalign.examples.autoencoder.AutoencoderRun;
import io.github.maskalign.sit.run.StopSignal;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Trains the small autoencoder that is shipped for the emoji set. */
@Command(
        name = "train-autoencoder",
        description = {
            "Trains a small autoencoder between emoji of 64 pixels and latents, exports and measures it.",
            "The drawings of one artist are held out: how well they come back is measured."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign train-autoencoder configs/emoji-64-autoencoder.yaml",
            "  maskalign train-autoencoder configs/emoji-64-autoencoder.yaml --out runs/autoencoder --steps 2000"
        })
final class TrainAutoencoderCommand implements Callable<Integer>, UsesEngine {
    @Mixin
    ConfigOptions config = new ConfigOptions();

    @Option(names = "--dry-run", description = "Check the config, print it resolved, and stop.")
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
            description = "Train for this number of steps instead of the one of the config.")
    @Nullable
    Long steps;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public boolean usesEngine() {
        return !dryRun;
    }

    @Override
    public Integer call() throws IOException {
        if (steps != null) {
            config.overrides.add("steps=" + steps);
        }
        Bound<AutoencoderConfig> bound = ConfigBinder.bind(config.config, config.overrides, AutoencoderConfig.class);
        PrintWriter output = spec.commandLine().getOut();
        if (dryRun) {
            output.print(bound.yaml());
            output.flush();
            return ExitCode.OK;
        }
        Path folder = out != null ? out : Path.of("runs", bound.value().name());
        AutoencoderRun training = new AutoencoderRun(bound, folder, CacheFolder.path(), Version.ours());
        training.show(TerminalBar.display());
        try (StopSignal signal = StopSignal.listen(training::requestStop)) {
            StopReason reason = training.run();
            if (reason == StopReason.STOP_REQUESTED) {
                SameCommand.goesOn(spec);
            }
            if (reason == StopReason.COMPLETED) {
                output.println(folder.resolve("emoji-vae.safetensors"));
                output.flush();
            }
        }
        return ExitCode.OK;
    }
}
