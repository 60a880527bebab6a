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
import io.github.maskalign.core.files.internal.RunLock;
import io.github.maskalign.core.metrics.JsonlSink;
import io.github.maskalign.core.metrics.MetricSink.MetricSinks;
import io.github.maskalign.core.metrics.TensorBoardSink;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.core.train.MetricListener;
import io.github.maskalign.core.train.RunCheckpoints;
import io.github.maskalign.core.train.RunIdentity;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainLoop;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.encoders.vit.Vit;
import io.github.maskalign.examples.emoji.EmojiConfig;
import io.github.maskalign.examples.emoji.EmojiSet;
import io.github.maskalign.sit.run.internal.RunStart;
import io.github.maskalign.sit.run.internal.StopRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
    private static final int LOG_EVERY = 10;
    private static final List<Preprocessing> BOTH = List.of(Preprocessing.EMOJI_VIT, Preprocessing.EMOJI_VIT_DOUBLE);

    private final Bound<TeacherConfig> config;
    private final Path folder;
    private final Path cache;
    private final String version;
    private final StopRequest stopping = new StopRequest();

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
    }

    /**
     * Trains until the last step, or until somebody asks to stop; exports and measures after the last step.
     *
     * @throws IOException if the folder cannot be used or its checkpoints are of another run
     */
    public StopReason run() throws IOException {
        TeacherConfig teacher = config.value();
        Files.createDirectories(folder);
        List<String> sets = new ArrayList<>(teacher.sets());
        sets.add(teacher.heldOut());
        EmojiSet pictures = EmojiSet.open(new EmojiConfig(sets, 32, false, false), cache, TeacherRun::drawing);
        DrawingPairs pairs = new DrawingPairs(pictures, teacher.sets(), new Draws(teacher.seed()));
        LOG.info("{} emoji by at least two of {}; {} is held out", pairs.size(), teacher.sets(), teacher.heldOut());
        try (RunLock lock = RunLock.acquire(folder);
                NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            TeacherObjective objective = new TeacherObjective(teacher, pairs, manager);
            byte[] untrained = export(objective.encoder(), Weights.of(objective.encoder()), "{}");
            try (TrainState state = new TrainState(manager, objective.parameters())) {
                RunIdentity identity = RunIdentity.of(
                        "teacher", settings(), Map.of("maskalign", version, "random_numbers", Draws.ALGORITHM));
                RunCheckpoints checkpoints = RunCheckpoints.open(
                        folder, identity, teacher.train().saving().keepLast());
                TrainLoop loop = new TrainLoop(
                                teacher.train(),
                                teacher.optim(),
                                objective,
                                state,
                                List.of(
                                        new RunStart(folder, Map.of("config.yaml", config.yaml()), teacher.steps()),
                                        new Losses(),
                                        new MetricListener(first -> MetricSinks.inFolder(folder, first), LOG_EVERY)))
                        .withCheckpoints(checkpoints);
                StopReason reason = stopping.run(loop);
                if (reason == StopReason.COMPLETED) {
                    publish(objective.encoder(), state, pictures, pairs, untrained);
                }
                return reason;
            }
        }
    }

    /** Asks the run to end after its step, saving its state; may be called from any thread, at any time. */
    public void requestStop() {
        stopping.request();
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

    private Map<String, String> settings() {
        Map<String, String> out = new LinkedHashMap<>();
        for (String line : config.yaml().split("\n", -1)) {
            int colon = line.indexOf(':');
            if (colon > 0 && !line.startsWith("name:") && !line.startsWith("saveEvery:")) {
                out.put(
                        line.substring(0, colon).trim(),
                        line.substring(colon + 1).trim());
            }
        }
        return out;
    }

    private static void drawing(int done, int total) {
        if (done == total || done % Math.max(1, total / 10) == 0) {
            LOG.info("drawing the emoji: {} of {}", done, total);
        }
    }

    /** Says how it goes. */
    private static final class Losses implements TrainListener {
        @Override
        public void onStep(StepResult result, TrainState state) {
            if (result.step() % LOG_EVERY == 0) {
                LOG.info(
                        "step {} loss {} {} in {} s",
                        result.step(),
                        result.loss(),
                        result.parts(),
                        result.seconds().model());
            }
        }
    }
}
