package io.github.maskalign.examples;

import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.ConfigOptions.CacheFolder;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.sit.lab.Analysis;
import io.github.maskalign.sit.lab.Analysis.Part;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Measures what a model's alignment does. */
@Command(
        name = "analyze",
        description = {
            "Measures what the alignment of runs does: where its gradient prefers to be, with factors and controls; how",
            "much its loss rises under masks; how alike each block's tokens are to the encoder's and to their",
            "neighbours; what a linear probe reads from them; whether alignment and denoising agree.",
            "Models of all methods are taken: what needs an alignment is left out of one without, and a note says so.",
            "Every number has an interval and what chance alone gives. Writes analysis.json and pictures of the maps,",
            "which 'report RUN' shows. docs/howto/analyze.md says what each number means."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign analyze runs/mine",
            "  maskalign analyze runs/mine --what gradients --checkpoints all --pictures 1000",
            "  maskalign analyze runs/repa runs/maskalign --what gradients,stability --out comparison",
            "  maskalign analyze REPA.pt --like configs/imagenet-sit-xl-2.yaml --out repa"
        })
final class AnalyzeCommand implements Callable<Integer>, UsesEngine {
    @Parameters(
            paramLabel = "RUN|FILE",
            arity = "1..*",
            description =
                    "Folder of a run, or a file of weights: a snapshot, the average of a checkpoint, or of any project.",
            showDefaultValue = Visibility.NEVER)
    List<Path> sources = new ArrayList<>();

    @Option(
            names = "--what",
            paramLabel = "PARTS",
            split = ",",
            description = "Some of gradients, stability, similarity, spatial, probe, conflict; all unless given.",
            showDefaultValue = Visibility.NEVER)
    List<String> what = new ArrayList<>();

    @Option(names = "--pictures", paramLabel = "N", description = "Pictures of the run's data, at least 24.")
    int pictures = 256;

    @Option(names = "--times", paramLabel = "T", split = ",", description = "Values of t in [0, 1]; 0 is data.")
    List<Double> times = new ArrayList<>(List.of(0.1, 0.3, 0.5, 0.7, 0.9));

    @Option(names = "--masks", paramLabel = "K", description = "Masks of each picture, for stability.")
    int masks = 4;

    @Option(names = "--seed", paramLabel = "S", description = "Decides pictures, noise, masks and resamples.")
    long seed;

    @Option(
            names = "--batch",
            paramLabel = "B",
            description = "Pictures computed at a time; changes memory and speed alone.")
    int batch = 16;

    @Option(
            names = "--like",
            paramLabel = "RUN|CONFIG",
            description =
                    "Whose data and encoder are used; those of the first run unless given. Files from elsewhere need it.")
    @Nullable
    Path like;

    @Option(
            names = "--checkpoints",
            paramLabel = "WHICH",
            description = "Of run folders: newest, all, or steps with commas between.")
    String checkpoints = "newest";

    @Option(
            names = "--encoder",
            paramLabel = "WHICH",
            description = "Of a run with several: the number of one, from 1, or all.")
    String encoder = "1";

    @Option(names = "--out", paramLabel = "DIR", description = "Folder of the results; RUN/analysis unless given.")
    @Nullable
    Path out;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public boolean usesEngine() {
        return true;
    }

    @Override
    public Integer call() throws IOException {
        Analysis analysis = Analysis.of(sources)
                .withParts(parts())
                .withPictures(pictures)
                .withTimes(times)
                .withMasks(masks)
                .withSeed(seed)
                .withWork(batch, 1000)
                .withCheckpoints(checkpoints)
                .withEncoders(encoder)
                .withSurroundings(CacheFolder.path(), TerminalBar.display());
        Analysis chosen = like == null ? analysis : analysis.withLike(like);
        Path written = chosen.write(out == null ? chosen.usualFolder() : out);
        PrintWriter stdout = spec.commandLine().getOut();
        stdout.println(written);
        stdout.flush();
        return ExitCode.OK;
    }

    private Set<Part> parts() {
        Set<Part> parts = what.isEmpty() ? EnumSet.allOf(Part.class) : EnumSet.noneOf(Part.class);
        for (String name : what) {
            try {
                parts.add(Part.valueOf(name.strip().toUpperCase(Locale.ROOT)));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(
                        "--what must be some of gradients, stability, similarity, spatial, probe and conflict, with commas"
                                + " between, but had '" + name + "'",
                        e);
            }
        }
        return parts;
    }
}
