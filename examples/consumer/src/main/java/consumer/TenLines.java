package consumer;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTTraining;
import io.github.maskalign.sit.run.SamplingRun;
import java.io.IOException;
import java.nio.file.Path;

/** A training and its pictures, each in a few lines. */
final class TenLines {
    private TenLines() {}

    /** Trains a plain SiT on pictures of 32 pixels; goes on where it has stopped before. */
    static void train(OwnPictures own, Path run, long steps) throws IOException {
        SiTConfig model = SiTConfig.of(32, 4, 3, 96, 4, 4, own.names().size());
        try (SiTTraining training = SiTTraining.builder()
                .setModel(model)
                .setData((draws, kept) -> new ImageTensorData(own.planes(), own.labels(), new Shape(3, 32, 32), draws))
                .setSteps(steps)
                .setBatch(8)
                .optFolder(run)
                .build()) {
            training.run();
        }
    }

    /** Draws a picture of each class into a folder. */
    static Path draw(Path run, Path samples) throws IOException {
        return SamplingRun.open(run)
                .withPictures(4, 0)
                .withAllClasses()
                .withSampling((own, model) -> own.withMethod(SamplerMethod.HEUN, 10))
                .folder(samples);
    }
}
