package io.github.maskalign.examples.imagenet;

import ai.djl.engine.Engine;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTTraining;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** The program of the README: a small MaskAlign on pictures in memory, aligned with the embedded teacher. */
public final class ReadmeExample {
    private ReadmeExample() {}

    /**
     * Trains; goes on where it has stopped before.
     *
     * @param pictures for each picture its bytes (3, 32, 32)
     * @param classes for each picture its class, in [0, 7]
     * @param run the run's folder
     * @param steps number of steps in all
     */
    public static void train(byte[][] pictures, int[] classes, Path run, long steps) throws IOException {
        // README begins
        SiTConfig model = SiTConfig.of(32, 4, 3, 192, 6, 6, 8)
                .withClassToken(128) // REG
                .withAlignment(3, 256, List.of(128)) // REPA
                .withMixer(MixerConfig.PAPER) // MaskAlign
                .withSubset(SubsetConfig.defaults());
        try (RepresentationEncoder teacher =
                        Encoders.embeddedTeacher(64, Engine.getInstance().defaultDevice());
                SiTTraining training = SiTTraining.builder()
                        .setModel(model)
                        .setData((draws, kept) -> new ImageTensorData(pictures, classes, new Shape(3, 32, 32), draws))
                        .setSteps(steps)
                        .setBatch(64)
                        .optEncoder(teacher)
                        .optFolder(run)
                        .build()) {
            training.run();
        }
        // README ends
    }
}
