package io.github.maskalign.examples;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Makes pictures with a trained model. */
@Command(
        name = "sample",
        description = "Makes pictures with a trained model and lays them out in a grid.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign sample runs/quickstart --num 64",
            "  maskalign sample runs/imagenet-sit-b-2-maskalign --sampler sde --steps 250 --cfg 1.8 --interval 0,0.7",
            "  maskalign sample weights.safetensors --labels 207,360,0-3 --seed 7 --out samples.png"
        })
final class SampleCommand {
    /** How the equation of motion is solved. */
    enum Method {
        /** Euler's rule on the probability-flow ODE. */
        ODE,
        /** Heun's rule on the probability-flow ODE. */
        HEUN,
        /** Euler-Maruyama on the reverse SDE. */
        SDE
    }

    @Parameters(
            index = "0",
            paramLabel = "RUN|WEIGHTS",
            description = "Run folder, whose newest averaged weights are taken, or a .safetensors file.",
            showDefaultValue = Visibility.NEVER)
    Path source = Path.of("");

    @Option(names = "--num", paramLabel = "N", description = "Number of pictures.")
    int count = 16;

    @Option(names = "--sampler", paramLabel = "NAME", description = "One of: ${COMPLETION-CANDIDATES}.")
    Method method = Method.ODE;

    @Option(names = "--steps", paramLabel = "N", description = "Steps of the sampler.")
    int steps = 50;

    @Option(
            names = "--cfg",
            paramLabel = "SCALE",
            description = "Guidance scale w of v = v_u + w (v_c - v_u); 1 switches guidance off.")
    double cfgScale = 1;

    @Option(
            names = "--interval",
            paramLabel = "LO,HI",
            description = "Times at which guidance acts; 0 is data, 1 is noise.",
            converter = Interval.Converter.class)
    Interval interval = Interval.FULL;

    @Option(names = "--seed", paramLabel = "N", description = "Seed of the noise.")
    long seed;

    @Option(
            names = "--labels",
            paramLabel = "LIST",
            description = "Class labels such as 207,360,0-3, repeated as needed; drawn at random unless given.",
            converter = Labels.Converter.class)
    @Nullable
    Labels labels;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "PNG file for the grid; in the run folder, or samples.png, unless given.")
    @Nullable
    Path out;

    @Option(names = "--batch", paramLabel = "N", description = "Pictures computed at a time.")
    int batch = 16;
}
