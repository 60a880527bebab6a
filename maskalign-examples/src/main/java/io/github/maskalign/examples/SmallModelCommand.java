package io.github.maskalign.examples;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.ConfigOptions.CacheFolder;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.examples.Main.Version;
import io.github.maskalign.examples.training.SmallModelRun;
import io.github.maskalign.sit.run.StopSignal;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Trains one of the small models that are shipped for the emoji set. */
abstract class SmallModelCommand<C extends Record> implements Callable<Integer>, UsesEngine {
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

    private final Class<C> configType;
    private final Function<C, String> name;
    private final Trained<C> trained;
    private final String result;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    /** How a run is made of its config, its folder, the folder of drawn pictures and this program's version. */
    interface Trained<C extends Record> {
        SmallModelRun<C> of(Bound<C> config, Path folder, Path cache, String version);
    }

    /**
     * Describes a command.
     *
     * @param name the run's name in the config
     * @param result the file in the run's folder that it is for
     */
    SmallModelCommand(Class<C> configType, Function<C, String> name, Trained<C> trained, String result) {
        this.configType = configType;
        this.name = name;
        this.trained = trained;
        this.result = result;
    }

    @Override
    public boolean usesEngine() {
        return !dryRun;
    }

    @Override
    public Integer call() throws IOException {
        if (steps != null) {
            config.overrides.add("steps=" + steps);
        }
        Bound<C> bound = ConfigBinder.bind(config.config, config.overrides, configType);
        PrintWriter output = spec.commandLine().getOut();
        if (dryRun) {
            output.print(bound.yaml());
            output.flush();
            return ExitCode.OK;
        }
        Path folder = out != null ? out : Path.of("runs", name.apply(bound.value()));
        SmallModelRun<C> training = trained.of(bound, folder, CacheFolder.path(), Version.ours());
        training.show(TerminalBar.display());
        try (StopSignal signal = StopSignal.listen(training::requestStop)) {
            StopReason reason = training.run();
            if (reason == StopReason.STOP_REQUESTED) {
                SameCommand.goesOn(spec);
            }
            if (reason == StopReason.COMPLETED) {
                output.println(folder.resolve(result));
                output.flush();
            }
        }
        return ExitCode.OK;
    }
}
