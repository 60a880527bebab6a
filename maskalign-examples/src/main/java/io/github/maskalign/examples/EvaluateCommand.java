package io.github.maskalign.examples;

import io.github.maskalign.core.engine.internal.NativeThreads;
import io.github.maskalign.core.evaluate.FeatureCollector.CollectorConfig;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.CommandFailure.OutputFile;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.examples.Main.Version;
import io.github.maskalign.sit.run.EvaluationRun;
import io.github.maskalign.sit.run.EvaluationRun.EvaluationReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Scores generated pictures. */
@Command(
        name = "evaluate",
        description = "Measures FID, sFID, Inception Score, precision, recall and KID as ADM's evaluator does.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign evaluate --reference VIRTUAL_imagenet256_labeled.npz --samples samples.npz \\",
            "      --inception pt_inception-2015-12-05-6726825d.pth",
            "  maskalign evaluate --reference photos/ --make-reference photos.safetensors --inception FILE",
            "  maskalign evaluate --reference photos/ --samples runs/folder-64 --size 64 --encoder embedded",
            "  maskalign evaluate --reference drawings/ --samples runs/quickstart --encoder embedded"
        })
final class EvaluateCommand implements Callable<Integer>, UsesEngine {
    @Option(
            names = "--reference",
            paramLabel = "PATH",
            description = "Statistics (.npz, .safetensors), an .npz of pictures, or a folder of pictures.")
    @Nullable
    Path reference;

    @Option(
            names = "--samples",
            paramLabel = "PATH",
            description = "An .npz of pictures, a folder of pictures, or a run folder with samples.")
    @Nullable
    Path samples;

    @Mixin
    FeatureOptions features = new FeatureOptions();

    @Option(
            names = "--metrics",
            paramLabel = "LIST",
            split = ",",
            description = "Of fid, sfid, is, precision, recall, kid; ADM's suite as far as possible unless given.",
            showDefaultValue = Visibility.NEVER)
    List<String> metrics = new ArrayList<>();

    @Option(
            names = "--size",
            paramLabel = "PIXELS",
            description = "Crop samples and pictures of the reference to squares of this side first, from whatever size"
                    + " they have; 0 leaves them as they are.")
    int size;

    @Option(names = "--batch", paramLabel = "N", description = "Pictures computed at a time.")
    int batch = 32;

    @Option(names = "--threads", paramLabel = "T", description = "Threads; 0 leaves the choice to the engine.")
    int threads;

    @Option(
            names = "--groups",
            paramLabel = "G",
            description = "Groups of the jackknife behind the errors of FID and sFID; 1 for none.")
    int groups = CollectorConfig.USUAL_GROUPS;

    @Option(
            names = "--reference-rows",
            paramLabel = "N",
            description = "Most reference pictures for precision, recall and KID, taken at even distances.")
    int referenceRows = CollectorConfig.USUAL_REFERENCE_ROWS;

    @Option(
            names = "--make-reference",
            paramLabel = "FILE",
            description = "Write statistics of the reference's pictures: .safetensors, with features, or .npz.")
    @Nullable
    Path makeReference;

    @Option(names = "--json", description = "Print one JSON object instead of text.")
    boolean json;

    @Option(names = "--out", paramLabel = "FILE", description = "Also write the result, with provenance, as JSON.")
    @Nullable
    Path out;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        checkOptions();
        if (threads > 0) {
            NativeThreads.set(threads);
        }
        EvaluationRun run = EvaluationRun.of(features.choice())
                .withMetrics(metrics)
                .withSide(size)
                .withSizes(batch, groups, referenceRows)
                .withDevice(features.device())
                .withVersion(Version.ours())
                .withDisplay(TerminalBar.display());
        run = reference == null ? run : run.withReference(reference);
        if (samples == null) {
            run.makeReference(Objects.requireNonNull(makeReference));
        } else {
            show(makeReference == null ? run.run(samples) : run.run(samples, makeReference));
        }
        return ExitCode.OK;
    }

    private void show(EvaluationReport report) throws IOException {
        if (out != null) {
            AtomicFile.write(out, report.file());
        }
        PrintWriter console = spec.commandLine().getOut();
        console.println(json ? report.json().toString() : report.text());
        console.flush();
    }

    private void checkOptions() {
        if (size < 0 || size > PrepareCommand.LARGEST) {
            throw CommandFailure.badInput("--size must be in [0, " + PrepareCommand.LARGEST + "] but was " + size);
        }
        CommandFailure.requireAtLeast(1, "--batch", batch);
        CommandFailure.requireAtLeast(1, "--groups", groups);
        CommandFailure.requireAtLeast(1, "--reference-rows", referenceRows);
        CommandFailure.requireAtLeast(0, "--threads", threads);
        if (samples == null && makeReference == null) {
            throw CommandFailure.badInput("--samples is missing: name the pictures to score, or --make-reference");
        }
        OutputFile.requireFolder(out);
        OutputFile.requireFolder(makeReference);
        if (reference != null
                && makeReference != null
                && !makeReference.toString().matches(".*\\.(safetensors|npz)")) {
            throw CommandFailure.badInput("--make-reference must end in .safetensors or .npz but was " + makeReference);
        }
    }
}
