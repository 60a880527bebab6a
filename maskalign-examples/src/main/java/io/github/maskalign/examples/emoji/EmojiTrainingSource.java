package io.github.maskalign.examples.emoji;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.TrainingPictures;
import io.github.maskalign.sit.run.TrainingSource;
import java.io.IOException;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The emoji set of a config ({@code data.kind: EMOJI}) as training data; pixels are the latents. */
public final class EmojiTrainingSource implements TrainingSource {
    private static final Logger LOG = LoggerFactory.getLogger(EmojiTrainingSource.class);

    @Override
    public String kind() {
        return "EMOJI";
    }

    @Override
    public Opened open(RunConfig config, Path defaultCache, Draws draws) throws IOException {
        EmojiSet set = EmojiSet.open(
                new EmojiConfig(config.data().sets(), config.model().inputSize(), false, false),
                config.data().cache().orElse(defaultCache),
                progress());
        if (config.model().inChannels() != 3) {
            throw new IllegalArgumentException("model.inChannels must be 3 for emoji but was "
                    + config.model().inChannels());
        }
        int classes = set.labels().size();
        if (config.model().numClasses() != classes) {
            throw new IllegalArgumentException("model.numClasses must be " + classes + " for emoji, " + set.labels()
                    + ", but was " + config.model().numClasses());
        }
        byte[][] pixels = new byte[set.size()][];
        int[] labels = new int[set.size()];
        for (int i = 0; i < set.size(); i++) {
            pixels[i] = set.pixels(i);
            labels[i] = set.entry(i).label();
        }
        LOG.info("{} emoji at {} pixels in {} classes", set.size(), set.config().size(), classes);
        int side = set.config().size();
        TrainingPictures pictures = new TrainingPictures(
                "emoji " + String.join(" ", config.data().sets()) + " at " + side,
                pixels.length,
                side,
                (index, target) -> System.arraycopy(pixels[index], 0, target, 0, target.length));
        return new Opened(
                new ImageTensorData(pixels, labels, new Shape(3, side, side), draws),
                pictures,
                set.attribution(),
                set.labels());
    }

    /** Tells every tenth of the drawing. */
    private static EmojiProgress progress() {
        return (done, total) -> {
            if (done == total || done % Math.max(1, total / 10) == 0) {
                LOG.info("drawing the emoji: {} of {}", done, total);
            }
        };
    }
}
