package io.github.maskalign.examples;

import io.github.maskalign.core.engine.internal.NativeThreads;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.examples.bench.DataParts;
import io.github.maskalign.examples.bench.HostPart;
import io.github.maskalign.examples.bench.MetricParts;
import io.github.maskalign.examples.bench.PartBenchmark;
import io.github.maskalign.examples.bench.SamplerPart;
import io.github.maskalign.sit.run.internal.ScriptPin;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Measures one part of the library. */
@Command(
        name = "bench-part",
        description = "Times one part alone; scripts/bench/parts takes turns with PyTorch.",
        footerHeading = "%nExamples:%n",
        footer = {"  workbench bench-part ENCODER --batch 8", "  workbench bench-part LOAD --file sit-xl.pt"})
final class BenchPartCommand implements Callable<Integer>, UsesEngine {
    /** Parts. */
    enum Part {
        /** DINOv2-B/14 at 224 pixels; with --file a TorchScript one. */
        ENCODER,
        /** Stable Diffusion's decoder, 32 x 32 latents to 256 pixels. */
        DECODER,
        /** Reading a checkpoint of SiT-XL/2 into the model. */
        LOAD,
        /** Features of the Inception network on pictures of 256 pixels. */
        INCEPTION,
        /** The Fréchet distance of two sets of 2,048 features. */
        FRECHET,
        /** Precision and recall of two sets of --batch points with 2,048 features. */
        NEIGHBOURS,
        /** Ten steps of the sampler with SiT-B/2; tells which share of the time is not the network's. */
        SAMPLER,
        /** Reading and cropping the JPEG files of the folder --file to 256 pixels, as prepare does. */
        CROP,
        /** Opening a prepared set of --batch samples in the folder --file. */
        INDEX,
        /** Reading --batch samples with DINOv2-B's tokens in the order of training from the set in --file. */
        LOADER,
        /** What the thread that trains does for a batch with DINOv2-B's tokens before the model begins. */
        HOST_TOKENS,
        /** The same with pictures of 256 pixels for an encoder, which is not run. */
        HOST_PICTURES
    }

    @Parameters(paramLabel = "PART", description = "One of ${COMPLETION-CANDIDATES}.")
    Part part = Part.ENCODER;

    @Option(names = "--batch", paramLabel = "B", description = "Pictures at a time.")
    int batch = 8;

    @Option(names = "--precision", description = "One of ${COMPLETION-CANDIDATES}.")
    Precision precision = Precision.FLOAT32;

    @Option(
            names = "--file",
            paramLabel = "FILE",
            description =
                    "ENCODER: a TorchScript file. LOAD: the checkpoint. CROP: a folder of pictures. INDEX, LOADER: a prepared set, made if it is not there.")
    @Nullable
    Path file;

    @Option(names = "--sha256", paramLabel = "HEX", description = "ENCODER: hash that the TorchScript file must have.")
    @Nullable
    String sha256;

    @Option(names = "--trust", description = "ENCODER: run a TorchScript file without a hash, whatever it does.")
    boolean trust;

    @Option(names = "--steps", paramLabel = "N", description = "Timed runs.")
    int steps = 5;

    @Option(names = "--warmup", paramLabel = "N", description = "Runs before the timed ones.")
    int warmup = 2;

    @Option(names = "--threads", paramLabel = "T", description = "Threads; 0 leaves the choice to the engine.")
    int threads = 0;

    @Option(names = "--ratio", paramLabel = "R", description = "LOADER: share of the patch tokens that is not read.")
    double ratio = 0;

    @Option(names = "--serve", description = "Answer 'step N' lines on standard input.")
    boolean serve;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        CommandFailure.requireAtLeast(1, "--steps", steps);
        CommandFailure.requireAtLeast(0, "--warmup", warmup);
        CommandFailure.requireAtLeast(1, "--batch", batch);
        CommandFailure.requireAtLeast(0, "--threads", threads);
        if (threads > 0) {
            NativeThreads.set(threads);
        }
        PrintWriter out = spec.commandLine().getOut();
        try (PartBenchmark benchmark = open()) {
            benchmark.run(warmup);
            if (serve) {
                benchmark.serve(new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)), out);
            } else {
                out.println(benchmark.measure(steps));
            }
            out.flush();
        }
        return ExitCode.OK;
    }

    private PartBenchmark open() throws IOException {
        return switch (part) {
            case ENCODER ->
                file == null
                        ? PartBenchmark.encoder(batch, precision)
                        : PartBenchmark.torchScript(
                                file, ScriptPin.ofOptions(sha256, trust).trust(file), batch);
            case DECODER -> PartBenchmark.decoder(batch, precision);
            case INCEPTION -> MetricParts.inception(batch);
            case FRECHET -> MetricParts.frechet();
            case NEIGHBOURS -> MetricParts.neighbours(batch);
            case SAMPLER -> SamplerPart.of(batch, precision);
            case LOAD -> PartBenchmark.load(required());
            case CROP -> DataParts.crop(required(), threads);
            case INDEX -> DataParts.index(required(), batch);
            case HOST_TOKENS -> HostPart.of(batch, false);
            case HOST_PICTURES -> HostPart.of(batch, true);
            case LOADER -> DataParts.loader(required(), batch, ratio);
        };
    }

    private Path required() {
        if (file == null) {
            throw CommandFailure.badInput(part + " needs --file");
        }
        return file;
    }
}
