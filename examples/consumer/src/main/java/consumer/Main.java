package consumer;

import ai.djl.metric.Metrics;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.sit.run.RunReport;
import io.github.maskalign.sit.run.RunStatus;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;

/** Trains on a folder of pictures, one folder for each class, and draws new ones: PICTURES OUT STEPS. */
public final class Main {
    private Main() {}

    public static void main(String[] args) throws Exception {
        OwnPictures own = OwnPictures.read(Path.of(args[0]));
        Path out = Path.of(args[1]);
        long steps = Long.parseLong(args[2]);

        Path run = out.resolve("run");
        TenLines.train(own, run, steps);
        System.out.println("drew " + TenLines.draw(run, out.resolve("samples")));
        System.out.println(RunStatus.read(run, true).toText());
        RunReport.read(List.of(run), List.of(), 4).writePage(out.resolve("report.html"), null, Instant.now());

        Picture first = own.pictures().get(0);
        System.out.println("embedding of " + DjlWay.embedding(first).length + " numbers");
        System.out.println("patch tokens " + DjlWay.patchTokens(first));
        List<Picture> drawn = DjlWay.draw(run, own.names());
        System.out.println("drew " + drawn.size() + " by a predictor, a " + drawn.get(0));
        Metrics metrics = new Metrics();
        DjlWay.train(own, steps, metrics);
        System.out.println("metrics of " + metrics.getMetric("loss").size() + " steps");
        DjlWay.easyTrain(own, out.resolve("easy.safetensors"));
        System.out.println("done");
    }
}
