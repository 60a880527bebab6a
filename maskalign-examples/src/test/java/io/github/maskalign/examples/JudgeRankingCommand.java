package io.github.maskalign.examples;

import ai.djl.Device;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.ConfigOptions.CacheFolder;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.examples.judge.DegradedRanking;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Measures how well encoders rank spoilt drawings. */
@Command(
        name = "judge-ranking",
        description = {
            "Spoils drawings of an artist whom neither teacher nor judge has seen, in seven ways at five strengths, and prints",
            "how well Fréchet and kernel distance in features of judge, teacher and an untrained network follow the strength."
        },
        footerHeading = "%nExamples:%n",
        footer = "  workbench judge-ranking")
final class JudgeRankingCommand implements Callable<Integer>, UsesEngine {
    private static final int UNTRAINED_SEED = 1;

    @Option(names = "--set", paramLabel = "NAME", description = "Whose drawings.")
    String set = "fxemoji";

    @Option(names = "--drawings", paramLabel = "N", description = "Most drawings of each half.")
    int drawings = 500;

    @Option(names = "--same", description = "Compare spoilt copies with the drawings they were made from.")
    boolean same;

    @Option(names = "--seed", paramLabel = "N", description = "Seed of all random numbers.")
    long seed;

    @Option(names = "--judge", paramLabel = "FILE", description = "Another judge's archive, trusted, in place of ours.")
    Path judge = Path.of("");

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        CommandFailure.requireAtLeast(2, "--drawings", drawings);
        PrintWriter console = spec.commandLine().getOut();
        Path file = Files.createTempFile("untrained", ".pt");
        DegradedRanking.writeUntrained(file, UNTRAINED_SEED);
        try (DegradedRanking ranking = new DegradedRanking(set, drawings, same, CacheFolder.path(), seed);
                RepresentationEncoder own =
                        judge.toString().isEmpty() ? Encoders.embeddedJudge() : DegradedRanking.untrained(judge);
                RepresentationEncoder teacher = Encoders.embeddedTeacher(64, 64, Device.cpu());
                RepresentationEncoder untrained = DegradedRanking.untrained(file)) {
            Map<String, RepresentationEncoder> others = new LinkedHashMap<>();
            others.put("teacher", teacher);
            others.put("untrained", untrained);
            console.printf("%d drawings, seed %d; τ of Fréchet / kernel distance%n%n", ranking.size(), seed);
            console.print(ranking.table(own, others));
            console.flush();
        } finally {
            Files.delete(file);
        }
        return ExitCode.OK;
    }
}
