package io.github.maskalign.examples;

import io.github.maskalign.core.data.internal.RepaFolders;
import io.github.maskalign.core.data.internal.RepaFolders.RepaVerifier;
import io.github.maskalign.core.data.internal.RepaSet;
import io.github.maskalign.core.data.internal.ShardIndex;
import io.github.maskalign.core.data.internal.ShardSet;
import io.github.maskalign.core.data.internal.ShardVerifier;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.sit.run.Progress;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Checks a prepared set. */
@Command(
        name = "verify",
        description =
                "Reads a prepared set of either layout whole: hashes, checksums of samples, labels, names, pairs, finite"
                        + " numbers.",
        footerHeading = "%nExamples:%n",
        footer = "  maskalign verify data/imagenet256")
final class VerifyCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DIR", description = "Folder of the prepared set.", showDefaultValue = Visibility.NEVER)
    Path folder = Path.of("");

    @Option(names = "--images-folder", paramLabel = "NAME", description = "REPA's layout: the folder of pictures.")
    String imagesFolder = RepaFolders.IMAGES;

    @Option(names = "--latents-folder", paramLabel = "NAME", description = "REPA's layout: the folder of latents.")
    String latentsFolder = RepaFolders.LATENTS;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        RepaFolders repa = new RepaFolders(folder, imagesFolder, latentsFolder);
        boolean shards = Files.exists(folder.resolve(ShardIndex.FILE)) || !RepaSet.isAt(repa);
        return shards ? shards() : repa(repa);
    }

    private int shards() throws IOException {
        int shards;
        int samples;
        String notes = "";
        try (ShardSet set = ShardSet.open(folder)) {
            shards = set.index().shards().size();
            samples = set.size();
            String error = set.index().settings().get("tokens_relative_error");
            if (error != null) {
                notes = "; tokens stored as " + set.layout().tokenCode() + " differ by " + error
                        + " of their norm, the worst cosine is "
                        + set.index().settings().get("tokens_worst_cosine");
            }
            if (!set.hasChecksums()) {
                notes += "; the set is of the first format and has no checksums of samples";
            }
        }
        Progress.Plan plan =
                new Progress.Plan("verify", 0, shards, Math.max(1, samples / shards), Math.max(1, shards / 20));
        try (Progress progress = TerminalBar.display().open(plan)) {
            List<String> problems = new ShardVerifier(folder).problems(done -> progress.step(done, Double.NaN));
            return tell(problems, samples + " samples in " + shards + " shards are as they were written" + notes);
        }
    }

    private int repa(RepaFolders repa) throws IOException {
        int samples;
        try (RepaSet set = RepaSet.open(repa)) {
            samples = set.size();
        }
        Progress.Plan plan = new Progress.Plan("verify", 0, samples, 1, Math.max(1, samples / 20));
        try (Progress progress = TerminalBar.display().open(plan)) {
            List<String> problems = new RepaVerifier(repa).problems(done -> progress.step(done, Double.NaN));
            return tell(problems, samples + " pairs of pictures and latents are complete");
        }
    }

    private int tell(List<String> problems, String fine) {
        PrintWriter out = spec.commandLine().getOut();
        problems.forEach(out::println);
        out.println(folder + ": " + (problems.isEmpty() ? fine : problems.size() + " problems"));
        out.flush();
        return problems.isEmpty() ? ExitCode.OK : ExitCode.FAILED;
    }
}
