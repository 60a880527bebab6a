package io.github.maskalign.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.EncoderTokens;
import io.github.maskalign.core.align.MixerConfig;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.core.train.TrainStep;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTLoss;
import io.github.maskalign.sit.SiTObjective;
import io.github.maskalign.sit.SiTVariant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The example of the README, at a size that takes no time. */
class ReadmeExampleTest {
    private static final Pattern JAVA_BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

    @Test
    void exampleTrains() {
        SiTConfig config = SiTConfig.of(8, 2, 3, 24, 3, 3, 10)
                .withClassToken(12)
                .withAlignment(2, 16, List.of(12))
                .withMixer(MixerConfig.PAPER)
                .withSubset(SubsetConfig.defaults());
        Draws draws = new Draws(0);
        TrainingData data = pictures(draws);
        try (NDManager manager = NDManager.newBaseManager();
                RepresentationEncoder encoder = new MeanEncoder()) {
            SiT model = new SiT(config);
            model.initialize(manager);
            Objective objective = new SiTObjective(
                    model,
                    new ParameterStore(manager, false),
                    new SiTLoss(model, Interpolant.LINEAR),
                    data,
                    encoder,
                    DiffusionConfig.defaults(),
                    new TokenSubsetSampler(config.subset(), draws, 400_000),
                    draws);
            try (TrainState state = new TrainState(manager, objective.parameters())) {
                TrainStep step = new TrainStep(objective, state, OptimConfig.PAPER.withLr(3e-3), 8, 1);
                double first = mean(step, 5);
                mean(step, 60);
                double last = mean(step, 5);

                // a fresh model predicts 0, and five steps of eight samples average the noise well enough
                assertThat(last).isLessThan(0.9 * first);
            }
        }
    }

    @Test
    void readmeShowsTheLinesBelow() throws IOException {
        Matcher block = JAVA_BLOCK.matcher(Files.readString(Path.of("..", "README.md")));
        assertThat(block.find()).isTrue();
        String source =
                Files.readString(Path.of("src/test/java", getClass().getName().replace('.', '/') + ".java"));

        assertThat(withoutSpaces(source)).contains(withoutSpaces(block.group(1)));
    }

    /** The README's own lines, which are for a larger machine than tests may ask for: they have to compile. */
    static void readme(TrainingData data, RepresentationEncoder encoder) {
        SiTConfig config = SiTVariant.B_2
                .config()
                .withClassToken(768) // REG
                .withAlignment(4, 2048, List.of(768)) // REPA
                .withMixer(MixerConfig.PAPER) // MaskAlign
                .withSubset(SubsetConfig.defaults());
        try (NDManager manager = NDManager.newBaseManager()) {
            SiT model = new SiT(config);
            model.initialize(manager);
            Draws draws = new Draws(0);
            Objective objective = new SiTObjective(
                    model,
                    new ParameterStore(manager, false),
                    new SiTLoss(model, Interpolant.LINEAR),
                    data,
                    encoder,
                    DiffusionConfig.defaults(),
                    new TokenSubsetSampler(config.subset(), draws, 400_000),
                    draws);
            try (TrainState state = new TrainState(manager, objective.parameters())) {
                StepResult result = new TrainStep(objective, state, OptimConfig.PAPER, 256, 1).run();
            }
        }
    }

    private static String withoutSpaces(String text) {
        return text.replaceAll("\\s+", "");
    }

    private static double mean(TrainStep step, int steps) {
        double sum = 0;
        for (int i = 0; i < steps; i++) {
            StepResult result = step.run();
            assertThat(result.parts()).containsOnlyKeys("velocity", "class", "align");
            sum += result.parts().get("velocity");
        }
        return sum / steps;
    }

    private static TrainingData pictures(Draws draws) {
        SplittableRandom random = new SplittableRandom(7);
        byte[][] pixels = new byte[16][3 * 8 * 8];
        int[] labels = new int[16];
        for (int i = 0; i < 16; i++) {
            Arrays.fill(pixels[i], (byte) random.nextInt(256));
            labels[i] = i % 10;
        }
        return new ImageTensorData(pixels, labels, new Shape(3, 8, 8), draws);
    }

    /** Tokens of a picture that say nothing but are there: 16 patches of width 12. */
    private static final class MeanEncoder implements RepresentationEncoder {
        @Override
        public EncoderTokens encode(NDArray images) {
            long n = images.getShape().get(0);
            NDManager manager = images.getManager();
            return new EncoderTokens(manager.ones(new Shape(n, 12)), manager.ones(new Shape(n, 16, 12)));
        }

        @Override
        public int width() {
            return 12;
        }

        @Override
        public int tokens(int imageSize) {
            return 16;
        }

        @Override
        public void close() {}
    }
}
