package io.github.maskalign.examples.teacher;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.gson.JsonObject;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.encoders.vit.Vit;
import io.github.maskalign.examples.emoji.EmojiConfig;
import io.github.maskalign.examples.emoji.EmojiSet;
import io.github.maskalign.examples.training.ObjectiveRun;
import io.github.maskalign.sit.run.Progress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains a teacher in a folder of its own, exports it and measures it.
 *
 * <p>The folder holds {@code config.yaml}, {@code stats.jsonl}, TensorBoard events, {@code checkpoints/}, and at the
 * end {@code emoji-vit.pt} (averaged weights) with {@code emoji-vit.json}: how it was made, what it has learned, and
 * the archive's hash. The same call again continues where the last one stopped.
 */
public final class TeacherRun {
    private static final Logger LOG = LoggerFactory.getLogger(TeacherRun.class);
    private static final String ARCHIVE = "emoji-vit.pt";
    private static final String PROVENANCE = "emoji-vit.json";
    private static final List<Preprocessing> BOTH = List.of(Preprocessing.EMOJI_VIT, Preprocessing.EMOJI_VIT_DOUBLE);

    private final Bound<TeacherConfig> config;
    private final Path folder;
    private final Path cache;
    private final String version;
    private final ObjectiveRun run;

    /**
     * Describes a run.
     *
     * @param config what to train
     * @param folder the run's folder; made if it does not exist
     * @param cache where drawn pictures are kept
     * @param version version of this program, for the provenance
     */
    public TeacherRun(Bound<TeacherConfig> config, Path folder, Path cache, String version) {
        this.config = config;
        this.folder = folder;
        this.cache = cache;
        this.version = version;
        run = new ObjectiveRun("teacher", config, folder, version);
    }

    /**
     * Trains until the last step, or until somebody asks to stop; exports and measures after the last step.
     *
     * @throws IOException if the folder cannot be used or its checkpoints are of another run
     */
    public StopReason run() throws IOException {
        TeacherConfig teacher = config.value();
        List<String> sets = new ArrayList<>(teacher.sets());
        sets.add(teacher.heldOut());
        EmojiSet pictures = EmojiSet.open(new EmojiConfig(sets, 32, false, false), cache, ObjectiveRun::drawing);
        DrawingPairs pairs = new DrawingPairs(pictures, teacher.sets(), new Draws(teacher.seed()));
        LOG.info("{} emoji by at least two of {}; {} is held out", pairs.size(), teacher.sets(), teacher.heldOut());
        return run.run(teacher.train(), teacher.optim(), new Model(pictures, pairs));
    }

    /** Shows the run in this way instead of by lines of the log. */
    public void show(Progress.Display display) {
        run.show(display);
    }

    /** Asks the run to end after its step, saving its state; may be called from any thread, at any time. */
    public void requestStop() {
        run.requestStop();
    }

    /** The teacher and its drawings. */
    private final class Model implements ObjectiveRun.Model {
        private final EmojiSet pictures;
        private final DrawingPairs pairs;
        private @Nullable TeacherObjective objective;
        private byte[] untrained = {};

        Model(EmojiSet pictures, DrawingPairs pairs) {
            this.pictures = pictures;
            this.pairs = pairs;
        }

        @Override
        public Objective open(NDManager manager) throws IOException {
            TeacherObjective opened = new TeacherObjective(config.value(), pairs, manager);
            untrained = export(opened.encoder(), Weights.of(opened.encoder()), "{}");
            objective = opened;
            return opened;
        }

        @Override
        public void publish(TrainState state) throws IOException {
            if (objective != null) {
                TeacherRun.this.publish(objective.encoder(), state, pictures, pairs, untrained);
            }
        }
    }

    private void publish(Vit encoder, TrainState state, EmojiSet pictures, DrawingPairs pairs, byte[] untrained)
            throws IOException {
        Map<String, NDArray> averaged = new LinkedHashMap<>();
        state.ema().forEach((key, array) -> {
            if (key.startsWith(TeacherObjective.ENCODER)) {
                averaged.put(key.substring(TeacherObjective.ENCODER.length()), array);
            }
        });
        RetrievalEvaluation evaluation = new RetrievalEvaluation(
                pictures, config.value().heldOut(), config.value().gallery(), Integer.MAX_VALUE);
        // measured on an archive without provenance, as the provenance holds the measures
        Map<String, Retrieval> found = new LinkedHashMap<>();
        measure(export(encoder, averaged, "{}"), evaluation, "teacher", BOTH, found);
        measure(untrained, evaluation, "random weights", List.of(Preprocessing.EMOJI_VIT), found);
        found.put("pixels", evaluation.ofPixels());
        found.forEach((what, retrieval) -> LOG.info("retrieval by {}: {}", what, retrieval));
        JsonObject provenance =
                new TeacherProvenance(config, version, pictures, pairs.size(), state.step()).with(found);
        byte[] archive = export(encoder, averaged, TeacherProvenance.text(provenance));
        AtomicFile.write(folder.resolve(ARCHIVE), archive);
        AtomicFile.write(
                folder.resolve(PROVENANCE), TeacherProvenance.text(TeacherProvenance.withHash(provenance, archive)));
    }

    private void measure(
            byte[] archive,
            RetrievalEvaluation evaluation,
            String what,
            List<Preprocessing> ways,
            Map<String, Retrieval> found)
            throws IOException {
        Path file = folder.resolve("measured.pt");
        AtomicFile.write(file, archive);
        ScriptTrust own = ScriptTrust.pinned(Digests.sha256(archive)); // which this process has made
        for (Preprocessing preprocessing : ways) {
            try (RepresentationEncoder encoder = Encoders.open(file, preprocessing, own, Device.cpu())) {
                int tokens = encoder.tokens(32);
                evaluation
                        .of(encoder)
                        .forEach((kind, retrieval) -> found.put(what + ", " + tokens + " tokens, " + kind, retrieval));
            }
        }
        Files.delete(file);
    }

    private static byte[] export(Vit encoder, Map<String, NDArray> weights, String provenance) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GradMode off = GradMode.off()) {
            encoder.export(weights, Map.of("provenance.json", provenance), out);
        }
        return out.toByteArray();
    }
}
