import io.github.maskalign.sit.run.EvaluationRun.EvaluationReport;
import io.github.maskalign.sit.run.EvaluationRun;
import io.github.maskalign.sit.run.RunReport;
import io.github.maskalign.sit.run.RunStatus;
import io.github.maskalign.sit.run.SamplingRun;
import io.github.maskalign.sit.run.TrainingRun;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;

/** A program of somebody else: trains, samples, evaluates and reports in the folder that it is given. */
public final class Program {
    private Program() {}

    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]);
        Path run = home.resolve("run");
        System.out.println(TrainingRun.open(home.resolve("config.yaml"), run).run());

        Path weights = Files.copy(run.resolve("snapshot-0000002.safetensors"), home.resolve("weights.safetensors"));
        for (long seed = 1; seed <= 2; seed++) {
            SamplingRun.open(weights)
                    .withPictures(8, seed)
                    .withSampling((own, model) -> own.withMethod(own.method(), 2))
                    .folder(home.resolve("pictures-" + seed));
        }
        SamplingRun.open(run).withPictures(2, 0).latents(home.resolve("latents.safetensors"));

        EvaluationReport scores = EvaluationRun.withEncoder("embedded")
                .withReference(home.resolve("pictures-1"))
                .withMetrics(List.of("fid"))
                .run(home.resolve("pictures-2"));
        Files.writeString(run.resolve("evaluation.json"), scores.file());

        RunReport.read(List.of(run), List.of(), 2).writePage(home.resolve("report.html"), "Outside", Instant.now());
        System.out.println(RunStatus.read(run, true).toText());
    }
}
