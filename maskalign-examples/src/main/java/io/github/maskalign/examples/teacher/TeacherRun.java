package io.github.maskalign.examples.teacher;

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
 * Trains a teacher in a folder of its own, exports it and measures it.
 *
 * <p>Besides what {@link ObjectiveRun} writes, the folder holds at the end {@code emoji-vit.pt} (averaged weights) with
 * {@code emoji-vit.json}: how it was made, what it has learned, and the archive's hash.
 */
public final class TeacherRun extends SmallModelRun<TeacherConfig> {
    private static final Logger LOG = LoggerFactory.getLogger(TeacherRun.class);
    private static final EncoderPublication.Names NAMES =
            new EncoderPublication.Names("emoji-vit", "teacher", TeacherObjective.ENCODER);
    private static final List<Preprocessing> BOTH = List.of(Preprocessing.EMOJI_VIT, Preprocessing.EMOJI_VIT_DOUBLE);

    /**
     * Describes a run.
     *
     * @param config what to train
     * @param folder the run's folder; made if it does not exist
     * @param cache where drawn pictures are kept
     * @param version version of this program, for the provenance
     */
    public TeacherRun(Bound<TeacherConfig> config, Path folder, Path cache, String version) {
        super("teacher", config, folder, cache, version);
    }

    @Override
    protected StopReason run(ObjectiveRun training) throws IOException {
        TeacherConfig teacher = config.value();
        EmojiSet pictures =
                EmojiSet.open(new EmojiConfig(teacher.artists().all(), 32, false, false), cache, ObjectiveRun::drawing);
        DrawingPairs pairs = new DrawingPairs(pictures, teacher.sets(), new Draws(teacher.seed()));
        LOG.info("{} emoji by at least two of {}; {} is held out", pairs.size(), teacher.sets(), teacher.heldOut());
        return training.run(teacher.train(), teacher.optim(), new Model(pictures, pairs));
    }

    /** The teacher and its drawings. */
    private final class Model implements ObjectiveRun.Model {
        private final EmojiSet pictures;
        private final DrawingPairs pairs;
        private @Nullable EncoderPublication publication;

        Model(EmojiSet pictures, DrawingPairs pairs) {
            this.pictures = pictures;
            this.pairs = pairs;
        }

        @Override
        public Objective open(NDManager manager) throws IOException {
            TeacherObjective opened = new TeacherObjective(config.value(), pairs, manager);
            publication = new EncoderPublication(folder, NAMES, BOTH, opened.encoder(), opened.encoder()::export);
            return opened;
        }

        @Override
        public void publish(TrainState state) throws IOException {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("steps", state.step());
            facts.put("seed", config.value().seed());
            facts.put("batch_pairs", config.value().batch());
            facts.put("emoji_in_training", pairs.size());
            facts.put("config_sha256", config.hash());
            if (publication != null) {
                publication.publish(
                        state,
                        new EncoderProvenance(
                                "vision transformer of the DINOv2 architecture for 32-pixel emoji",
                                version,
                                facts,
                                pictures,
                                config.value().artists()));
            }
        }
    }
}
