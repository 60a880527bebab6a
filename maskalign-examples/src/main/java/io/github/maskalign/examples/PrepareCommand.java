package io.github.maskalign.examples;

import ai.djl.Device;
import io.github.maskalign.core.config.ConfigKey.AlsoRead;
import io.github.maskalign.core.data.Preparer.PreparePlan;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.distributed.Launch;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.sit.run.StopSignal;
import io.github.maskalign.sit.run.internal.PrepareRun;
import io.github.maskalign.sit.run.internal.PrepareRun.Encoding;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Makes latents of a picture set. */
@Command(
        name = "prepare",
        description = {
            "Crops and encodes a picture set into shards of latents, with pictures and encoder tokens if asked for.",
            "The source may be folders, a zip, a tar of tars (ILSVRC2012), WebDataset or REPA's folder of pictures.",
            "The same command goes on where it stopped; under mpirun, srun or torchrun the processes share the work."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign prepare ILSVRC2012_img_train.tar --out data/imagenet256 --vae sd-vae-ft-mse --images",
            "  maskalign prepare train/ --out data/imagenet256 --vae sd-vae-ft-mse --encoder dinov2-vit-b"
                    + " --encoder-file dinov2_vitb14_pretrain.pth",
            "  maskalign prepare train/ --out data/redi --vae sd-vae-ft-ema --encoder dinov2reg-vit-b --encoder-file"
                    + " dinov2_vitb14_reg4_pretrain.pth --feature-channels 8",
            "  maskalign prepare train/ --layout REPA --out data/repa --vae sd-vae-ft-mse"
        })
final class PrepareCommand implements Callable<Integer>, UsesEngine {
    /** Side of the largest picture that is read. */
    static final int LARGEST = 8192;

    /** How latents are stored. */
    enum Latents {
        /** 16 bits. */
        @AlsoRead("F16")
        FLOAT16,
        /** 32 bits. */
        @AlsoRead("F32")
        FLOAT32
    }

    @Parameters(
            paramLabel = "SOURCE",
            description = "Folder or archive of labelled pictures.",
            showDefaultValue = Visibility.NEVER)
    Path source = Path.of("");

    @Option(
            names = "--out",
            required = true,
            paramLabel = "DIR",
            description = "Folder of the prepared set.",
            showDefaultValue = Visibility.NEVER)
    Path out = Path.of("");

    @Mixin
    AutoencoderOptions autoencoder = new AutoencoderOptions();

    @Mixin
    LayoutOptions layout = new LayoutOptions();

    @Option(names = "--size", paramLabel = "PIXELS", description = "Side of the crop.")
    int size = 256;

    @Option(names = "--latents", description = "One of: ${COMPLETION-CANDIDATES}.")
    Latents latents = Latents.FLOAT16;

    @Option(names = "--images", description = "Keep the cropped pictures, for an encoder in the training loop.")
    boolean images;

    @Mixin
    TokenOptions tokens = new TokenOptions();

    @Option(names = "--shard", paramLabel = "N", description = "Pictures in each file; lost work after a kill.")
    int shard = 1024;

    @Option(names = "--batch", paramLabel = "N", description = "Pictures encoded at a time.")
    int batch = 8;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "Threads that decode and crop; all cores unless given.")
    int threads = Runtime.getRuntime().availableProcessors();

    @Option(names = "--precision", description = "One of: ${COMPLETION-CANDIDATES}.")
    Precision precision = Precision.FLOAT32;

    @Mixin
    DeviceOption device = new DeviceOption();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        if (size < 1 || size > LARGEST) {
            throw CommandFailure.badInput("--size must be in [1, " + LARGEST + "] but was " + size);
        }
        tokens.check();
        Launch launch = Launch.detect(System.getenv());
        tokens.checkShared(launch.size(), out);
        Device where = device.choose(launch);
        PreparePlan plan = new PreparePlan(size, shard, batch, threads);
        try (PrepareRun run = PrepareRun.open(source, out, layout.store(out), plan, encoding(), where)) {
            try (StopSignal signal = StopSignal.listen(run::requestStop)) {
                if (!run.run(launch, TerminalBar.display())) {
                    if (launch.rank() == 0) {
                        SameCommand.goesOn(spec);
                    }
                    return ExitCode.FAILED; // the signal decides the exit code
                }
            }
            PrintWriter console = spec.commandLine().getOut();
            console.println(run.finish());
            console.flush();
        }
        return ExitCode.OK;
    }

    private Encoding encoding() {
        boolean repa = layout.isRepa();
        PrepareRun.Storage storage = new PrepareRun.Storage(
                latents == Latents.FLOAT16 && !repa ? FloatCode.FLOAT16 : FloatCode.FLOAT32,
                tokens.code(),
                images || repa);
        return new Encoding(
                autoencoder::open, tokens.source(size, autoencoder.trust), tokens.features(repa), precision, storage);
    }
}
