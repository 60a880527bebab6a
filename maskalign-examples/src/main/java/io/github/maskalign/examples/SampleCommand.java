package io.github.maskalign.examples;

import ai.djl.Device;
import io.github.maskalign.core.distributed.Launch;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.SamplingRun;
import io.github.maskalign.sit.run.StopSignal;
import io.github.maskalign.sit.run.internal.RunPrecision;
import io.github.maskalign.sit.run.internal.SampleSettings.ExpertWeights;
import io.github.maskalign.sit.run.internal.SampleSource;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Makes pictures with a trained model. */
@Command(
        name = "sample",
        description = {
            "Makes pictures with a trained model and lays them out in a grid.",
            "Started by mpirun, srun or torchrun, the processes share the pictures."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign sample runs/quickstart --num 64",
            "  maskalign sample runs/imagenet-sit-b-2-reg --ema 0.999 --num 64",
            "  maskalign sample runs/imagenet-sit-b-2 --sampler EULER_MARUYAMA --steps 250 --cfg 1.8 --interval 0,0.7",
            "  maskalign sample runs/imagenet-sit-xl-2 --num 50000 --sampler EULER_MARUYAMA --steps 250 --cfg 2.3"
                    + " --interval 0,0.85 --vae sd-vae-ft-ema --folder samples --npz samples.npz",
            "  maskalign sample runs/low --expert runs/high --num 64",
            "  maskalign sample DiT-XL-2-256x256.pt --num 8 --sampler DDIM --steps 50 --cfg 4 --vae sd-vae-ft-ema --scale 1",
            "  maskalign sample runs/shapes --labels circle,star --num 16",
            "  maskalign sample weights.safetensors --labels 0-7,3 --seed 7 --out samples.png",
            "  maskalign sample SiT-XL-2-256x256.pt --num 8 --cfg 4 --vae sd-vae-ft-ema --scale 1",
            "  maskalign sample reg-xl-2.pt --num 8 --cfg 2.3 --cls-cfg 2.3 --interval 0,0.85 --vae sd-vae-ft-ema"
        })
final class SampleCommand implements Callable<Integer>, UsesEngine {
    @Parameters(
            index = "0",
            paramLabel = "RUN|WEIGHTS",
            description = "Run folder, whose newest averaged weights are taken, or a file of weights of any project.",
            showDefaultValue = Visibility.NEVER)
    Path source = Path.of("");

    @Option(names = "--ema", paramLabel = "DECAY", description = "Which of the averages that the run keeps.")
    @Nullable
    Double ema;

    @Option(
            names = "--expert",
            paramLabel = "RUN|WEIGHTS[:LO-HI]",
            description = {
                "A further network, which draws the times from LO to HI in the place of the first; those of its run's",
                "diffusion.tRange unless given. May be given several times; the first network has the times that are left."
            },
            converter = ExpertConverter.class,
            showDefaultValue = Visibility.NEVER)
    List<ExpertWeights> experts = List.of();

    @Option(names = "--num", paramLabel = "N", description = "Number of pictures.")
    int count = 16;

    @Mixin
    SamplerOptions sampler = new SamplerOptions();

    @Option(names = "--scale", paramLabel = "N", description = "How many times a picture is enlarged in the grid.")
    int scale = 4;

    @Option(names = "--seed", paramLabel = "N", description = "Seed of the noise.")
    long seed;

    @Option(
            names = "--labels",
            paramLabel = "LIST",
            split = ",",
            description = "Classes such as 207,360,0-3, or their names such as circle,star, which a run knows from its"
                    + " data; repeated as needed, drawn at random unless given.",
            showDefaultValue = Visibility.NEVER)
    List<String> labels = List.of();

    @Mixin
    SampleTargets targets = new SampleTargets();

    @Option(names = "--balanced", description = "All classes in turn instead of labels at random.")
    boolean balanced;

    @Mixin
    AutoencoderOptions.Decoding decoding = new AutoencoderOptions.Decoding();

    @Option(
            names = "--precision",
            paramLabel = "NAME",
            description = "One of: ${COMPLETION-CANDIDATES}; that of the run unless given, FLOAT32 for files.")
    @Nullable
    RunPrecision precision;

    @Option(names = "--batch", paramLabel = "N", description = "Pictures computed at a time.")
    int batch = 16;

    @Mixin
    DeviceOption device = new DeviceOption();

    @Mixin
    ImportMixin known = new ImportMixin();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        CommandFailure.requireAtLeast(1, "--num", count);
        CommandFailure.requireAtLeast(1, "--batch", batch);
        CommandFailure.requireAtLeast(1, "--scale", scale);
        if (!labels.isEmpty() && balanced) {
            throw CommandFailure.badInput("give either --labels or --balanced, not both");
        }
        targets.check();
        Launch launch = Launch.detect(System.getenv());
        SamplingRun run = describe(launch);
        Device where = device.choose(launch);
        AtomicBoolean stopped = new AtomicBoolean();
        Runnable stop = () -> {
            stopped.set(true);
            run.requestStop();
        };
        try (StopSignal signal = targets.folder() == null ? null : StopSignal.listen(stop)) {
            Path written = RankedWork.run(launch, where, agreement -> targets.draw(run, scale, where, agreement));
            if (launch.rank() == 0 && stopped.get()) {
                SameCommand.goesOn(spec);
            } else if (launch.rank() == 0) {
                console(written);
            }
        }
        return stopped.get() ? ExitCode.FAILED : ExitCode.OK; // after a stop the signal decides the exit code
    }

    /** Prints where the pictures are, and what makes use of them. */
    private void console(Path written) {
        if (targets.folder() != null && SampleSource.isRun(source)) {
            Finished.say(spec, written, count + " pictures are in " + written, "report", source);
        } else {
            PrintWriter out = spec.commandLine().getOut();
            out.println(written);
            out.flush();
        }
    }

    private SamplingRun describe(Launch launch) {
        SamplingRun run = SamplingRun.open(source)
                .withImport(known.options(), known.section, known.unknown())
                .withExperts(experts)
                .withPictures(count, seed)
                .withSampling((own, model) -> sampling(own, model, launch))
                .withPrecision(precision)
                .withBatch(batch)
                .withDecoding(decoding.autoencoder.choice(), decoding.pixels, decoding.batch, decoding.tile)
                .withAudience(TerminalBar.display(), this::note);
        run = ema == null ? run : run.withAverage(ema);
        run = labels.isEmpty() ? run : run.withClasses(labels);
        return balanced ? run.withAllClasses() : run;
    }

    private SamplerConfig sampling(SamplerConfig own, SiTConfig model, Launch launch) {
        SamplerConfig chosen = sampler.over(own, model);
        if (launch.rank() == 0 && ema == null && !SampleSource.isRun(source)) {
            sampler.quirk(chosen, model).ifPresent(this::note);
        }
        return chosen;
    }

    private void note(String text) {
        PrintWriter err = spec.commandLine().getErr();
        err.println("note: " + text);
        err.flush();
    }
}
