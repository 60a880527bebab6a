package io.github.maskalign.examples;

import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.distributed.Launch;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.ConfigOptions.CacheFolder;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.examples.Main.Version;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.StopSignal;
import io.github.maskalign.sit.run.TrainingRun;
import io.github.maskalign.sit.run.internal.RunFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Trains a model as a config says. */
@Command(
        name = "train",
        description = {
            "Trains a model. The same command again goes on where the run stopped, on the same machine bit for bit.",
            "Ctrl-C saves a checkpoint before the process ends.",
            "Started by mpirun, srun or torchrun, the processes train together: mpirun -n 2 maskalign train CONFIG."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign train configs/quickstart.yaml",
            "  maskalign train configs/quickstart.yaml --dry-run",
            "  maskalign train configs/quickstart.yaml --out runs/no-mask --set subset.ratio=0",
            "  maskalign train configs/emoji-32.yaml --method repa --set align.coeff=0.25",
            "  maskalign train configs/emoji-32-lab.yaml --init runs/emoji-32-lab-reg"
        })
final class TrainCommand implements Callable<Integer>, UsesEngine {
    @Mixin
    RunOptions config = new RunOptions();

    @Option(names = "--dry-run", description = "Check the config and the files it names, print it resolved, and stop.")
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

    @Option(
            names = "--init",
            paramLabel = "RUN|WEIGHTS",
            description = "Start from the averaged weights of a run, or from a file of weights of any project; a token"
                    + " mixer that it lacks starts fresh. A run that has a checkpoint goes on from that.")
    @Nullable
    Path init;

    @Option(
            names = "--fresh-projectors",
            description = "With --init: projectors may be missing, then they start fresh, or not be needed.")
    boolean freshProjectors;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public boolean usesEngine() {
        return !dryRun;
    }

    @Override
    public Integer call() throws IOException {
        if (steps != null) {
            config.overrides.add("train.steps=" + steps);
        }
        Bound<RunConfig> bound = config.bind();
        RunConfig run = bound.value();
        PrintWriter progress = spec.commandLine().getOut();
        if (dryRun) {
            progress.print(MethodsCommand.comment(bound) + bound.yaml());
            progress.flush();
            PrintWriter notes = spec.commandLine().getErr();
            RunFiles.check(run).forEach(note -> notes.println("note: " + note));
            notes.flush();
            return ExitCode.OK;
        }
        if (freshProjectors && init == null) {
            throw CommandFailure.badInput("--fresh-projectors goes with --init");
        }
        Path folder = out != null ? out : Path.of("runs", run.name());
        Launch launch = Launch.detect(System.getenv());
        TrainingRun training = TrainingRun.open(bound, folder)
                .withCache(CacheFolder.path())
                .withVersion(Version.ours())
                .withEnvironment(System.getenv())
                .withDisplay(TerminalBar.display());
        if (init != null) {
            training = training.withInitialWeights(init, freshProjectors);
        }
        TrainingRun running = training;
        try (StopSignal signal = StopSignal.listen(running::requestStop)) {
            StopReason reason = RankedWork.run(
                    launch,
                    run.runtime().device(launch.localRank(), System.getenv()),
                    agreement -> running.run(agreement));
            if (reason == StopReason.STOP_REQUESTED && launch.rank() == 0) {
                SameCommand.goesOn(spec);
            }
            if (reason == StopReason.COMPLETED && launch.rank() == 0) {
                Path pictures = folder.resolve("samples.png");
                boolean drawn = Files.exists(pictures);
                Finished.say(
                        spec,
                        drawn ? pictures : folder,
                        run.train().steps() + " steps are trained: " + (drawn ? "samples, " : "")
                                + "curves and averaged weights are in " + folder,
                        "sample",
                        folder,
                        "--num",
                        64);
            }
        }
        return ExitCode.OK;
    }
}
