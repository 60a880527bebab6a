package io.github.maskalign.examples;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.internal.NativeThreads;
import io.github.maskalign.core.evaluate.CollectorConfig;
import io.github.maskalign.core.evaluate.FeatureExtractor;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.sit.run.internal.Comparison;
import io.github.maskalign.sit.run.internal.EvaluationReport;
import io.github.maskalign.sit.run.internal.ExtractorChoice;
import io.github.maskalign.sit.run.internal.FeatureRun;
import io.github.maskalign.sit.run.internal.PictureSource;
import io.github.maskalign.sit.run.internal.ReferenceChoice;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
        ExtractorChoice choice = features.choice();
        try (ReferenceChoice against = reference == null ? null : ReferenceChoice.open(reference);
                PictureSource pictures = samples == null ? null : PictureSource.open(samples)) {
            PictureSource originals = against == null ? null : against.pictures();
            if (makeReference != null && originals == null) {
                throw CommandFailure.badInput("--make-reference needs a folder or an .npz of pictures as --reference");
            }
            if (pictures != null && originals != null && !originals.resolution().equals(pictures.resolution())) {
                throw CommandFailure.badInput("the reference " + originals.path() + " has pictures of "
                        + originals.resolution() + " pixels but " + pictures.path() + " of " + pictures.resolution()
                        + "; numbers are compared at one resolution");
            }
            PictureSource any = pictures == null ? originals : pictures;
            try (NDManager manager = NDManager.newBaseManager(features.device());
                    FeatureExtractor extractor = choice.open(manager.getDevice(), any == null ? 0 : any.width())) {
                FeatureRun run = new FeatureRun(manager, extractor, batch, TerminalBar.display());
                Comparison comparison = new Comparison(run, against, groups, referenceRows);
                if (makeReference != null && originals != null) {
                    comparison.makeReference(makeReference, originals, provenance());
                }
                if (pictures != null) {
                    show(comparison.of(pictures, comparison.metrics(metrics), provenance()));
                }
            }
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

    private Map<String, String> provenance() {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("maskalign", Version.ours());
        facts.put("djl", Engine.getDjlVersion());
        facts.put("pytorch", Engine.getInstance().getVersion());
        facts.put("java", System.getProperty("java.vm.version"));
        facts.put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        facts.put("device", features.device);
        facts.put("threads", Integer.toString(NativeThreads.count()));
        return facts;
    }
}
