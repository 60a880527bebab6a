package io.github.maskalign.examples.judge;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.examples.emoji.EmojiConfig;
import io.github.maskalign.examples.emoji.EmojiSet;
import io.github.maskalign.examples.training.EncoderProvenance;
import io.github.maskalign.examples.training.EncoderPublication;
import io.github.maskalign.examples.training.ObjectiveRun;
import io.github.maskalign.examples.training.SmallModelRun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains a judge in a folder of its own, exports it and measures it.
 *
 * <p>Besides what {@link ObjectiveRun} writes, the folder holds at the end {@code emoji-judge.pt} (averaged weights) with
 * {@code emoji-judge.json}: how it was made, what it has learned, and the archive's hash.
 */
public final class JudgeRun extends SmallModelRun<JudgeConfig> {
    private static final Logger LOG = LoggerFactory.getLogger(JudgeRun.class);
    private static final EncoderPublication.Names NAMES =
            new EncoderPublication.Names("emoji-judge", "judge", JudgeObjective.ENCODER);

    /**
     * Describes a run.
     *
     * @param config what to train
     * @param folder the run's folder; made if it does not exist
     * @param cache where drawn pictures are kept
     * @param version version of this program, for the provenance
     */
    public JudgeRun(Bound<JudgeConfig> config, Path folder, Path cache, String version) {
        super("judge", config, folder, cache, version);
    }

    @Override
    protected StopReason run(ObjectiveRun training) throws IOException {
        JudgeConfig judge = config.value();
        EmojiSet pictures = EmojiSet.open(
                new EmojiConfig(judge.artists().all(), JudgeNetwork.SIDE, false, false), cache, ObjectiveRun::drawing);
        LabelledDrawings drawings =
                new LabelledDrawings(pictures, judge.sets(), judge.shift(), judge.damaged(), new Draws(judge.seed()));
        LOG.info(
                "{} drawings of {} emoji by {}; {} is held out",
                drawings.size(),
                drawings.classes()[0],
                judge.sets(),
                judge.heldOut());
        return training.run(judge.train(), judge.optim(), new Model(pictures, drawings));
    }

    /** The judge and its drawings. */
    private final class Model implements ObjectiveRun.Model {
        private final EmojiSet pictures;
        private final LabelledDrawings drawings;
        private @Nullable EncoderPublication publication;

        Model(EmojiSet pictures, LabelledDrawings drawings) {
            this.pictures = pictures;
            this.drawings = drawings;
        }

        @Override
        public Objective open(NDManager manager) throws IOException {
            JudgeObjective opened = new JudgeObjective(config.value(), drawings, manager);
            publication = new EncoderPublication(
                    folder, NAMES, List.of(Preprocessing.EMOJI_JUDGE), opened.encoder(), opened.encoder()::export);
            return opened;
        }

        @Override
        public void publish(TrainState state) throws IOException {
            JudgeConfig judge = config.value();
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("command", "maskalign train-judge " + config.source());
            facts.put("labels", List.of("emoji", "category", "artist", "damage"));
            facts.put("loss_weights", List.of(1.0, judge.categoryWeight(), judge.artistWeight(), judge.damageWeight()));
            facts.put("augmentation", "moved by whole pixels, at most " + judge.shift());
            facts.put("damaged_share", judge.damaged());
            facts.put(
                    "damage",
                    List.of(
                            "uniform noise of at most 4 to 64 of 255",
                            "means over squares of 1.2 to 9 pixels",
                            "1 to 8 rectangles overwritten by other places of the drawing"));
            facts.put("steps", state.step());
            facts.put("seed", judge.seed());
            facts.put("batch", judge.batch());
            facts.put("drawings_in_training", drawings.size());
            facts.put("emoji_in_training", drawings.classes()[0]);
            facts.put("config_sha256", config.hash());
            if (publication != null) {
                publication.publish(
                        state,
                        new EncoderProvenance(
                                "residual network of convolutions for 64-pixel emoji, trained to name them",
                                version,
                                facts,
                                pictures,
                                judge.artists()));
            }
        }
    }
}
