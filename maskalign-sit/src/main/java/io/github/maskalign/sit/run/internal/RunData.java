package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.data.LatentData;
import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.data.ReadAheadData;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.internal.BasedData;
import io.github.maskalign.core.data.internal.RepaFolders;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.data.internal.SampleLayout;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import io.github.maskalign.sit.SiTObjective.KeptTokens;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.DataSection;
import io.github.maskalign.sit.run.RunConfig.DataSection.Scaling;
import io.github.maskalign.sit.run.RunConfig.EncoderSection;
import io.github.maskalign.sit.run.RunConfig.ModelSection;
import io.github.maskalign.sit.run.TrainingSource;
import io.github.maskalign.sit.run.TrainingSource.TrainingPictures;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a run is trained on, opened from its config.
 *
 * @param data the samples
 * @param pictureSide side of the pictures for the encoder, in pixels; 0 if there are none
 * @param attribution who made the pictures, under which licences, as far as is known
 * @param identity changes with the data's content where the config does not tell; may be empty
 * @param pictures its pictures one by one, as a reference for samples; null if it has none
 * @param classes names of its classes
 * @param resources what to close afterwards
 */
public record RunData(
        TrainingData data,
        int pictureSide,
        String attribution,
        String identity,
        @Nullable TrainingPictures pictures,
        ClassNames classes,
        Resources resources)
        implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RunData.class);

    /** Files and threads behind the data. */
    @FunctionalInterface
    interface Resources {
        void close() throws IOException;
    }

    /**
     * Opens the data.
     *
     * @param cache folder for what is made once, unless the config names another
     * @param display shows how far that is
     */
    public static RunData open(RunConfig config, Path cache, Draws draws, Communicator ranks, Progress.Display display)
            throws IOException {
        RunData plain = switch (config.data().kind()) {
            case EMOJI -> {
                TrainingSource.Opened source =
                        source(config.data().kind().name()).open(config, cache, draws);
                yield new RunData(
                        source.data(),
                        source.pictures().side(),
                        source.attribution(),
                        source.identity(),
                        source.pictures(),
                        new ClassNames(source.classes()),
                        source.resources()::close);
            }
            case LATENTS -> latents(config, draws, ranks);
            case FOLDER -> FolderPictures.open(config, cache, draws, display);
        };
        RunData whole = plain.reduced(config);
        return config.data().readAhead() == 0 ? whole : whole.ahead(config, ranks);
    }

    /** Returns these data with what the config names to make features of the encoder's tokens. */
    private RunData reduced(RunConfig config) throws IOException {
        Path file = config.method()
                .terms()
                .features()
                .flatMap(features -> features.source().reduction())
                .orElse(null);
        if (file == null) {
            return this;
        }
        try {
            if (!(data instanceof BufferedData samples)) {
                throw new IllegalArgumentException("terms.features.reduction must be null with data.kind "
                        + config.data().kind() + " of this source but was " + file);
            }
            FeatureBasis basis = FeatureBasis.read(file);
            LOG.info("{} makes {} channels of tokens of width {}", file, basis.channels(), basis.width());
            return new RunData(
                    new BasedData(samples, basis),
                    pictureSide,
                    attribution,
                    identity + " features " + basis.identity(),
                    pictures,
                    classes,
                    resources);
        } catch (IOException | RuntimeException e) {
            close();
            throw e;
        }
    }

    /** Returns these data with a thread that prepares the batches of this process. */
    private RunData ahead(RunConfig config, Communicator ranks) {
        if (!(data instanceof BufferedData source)) {
            return this;
        }
        try {
            BatchPlan plan = BatchPlan.of(config.train(), ranks);
            ReadAheadData ahead = new ReadAheadData(source, config.data().readAhead(), plan::after);
            return new RunData(ahead, pictureSide, attribution, identity, pictures, classes, () -> {
                ahead.close();
                resources.close();
            });
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private static TrainingSource source(String kind) {
        List<String> known = new ArrayList<>();
        for (TrainingSource source : ServiceLoader.load(TrainingSource.class)) {
            if (source.kind().equals(kind)) {
                return source;
            }
            known.add(source.kind());
        }
        throw new IllegalArgumentException(
                "data.kind " + kind + " needs a training source of this kind on the class path," + " where there are "
                        + known + "; that of EMOJI is in maskalign-examples");
    }

    private static RunData latents(RunConfig config, Draws draws, Communicator ranks) throws IOException {
        BatchPlan plan = BatchPlan.of(config.train(), ranks);
        DataSection section = config.data();
        PreparedSamples set = openLatents(config);
        try {
            checkFits(config, set);
            EndToEndRun.requirePictures(config, set.layout().imageSide());
            boolean encodes = needsPictures(config.encoder().kind()) || EndToEndRun.isMeant(config);
            boolean cached = config.encoder().kind() == EncoderSection.Kind.CACHED;
            TokenSubsetSampler subsets = new TokenSubsetSampler(
                    config.subset(), draws, config.train().steps());
            KeptTokens kept = new KeptTokens(RunPlan.model(config), subsets, plan.globalBatch());
            LatentNorm norm = LatentNorm.of(section);
            norm.requireFits(set.layout().channels());
            Scaling scaling = section.scaling();
            LatentData plain = norm.scaled(new LatentData(set, draws, scaling.scale(), scaling.bias()));
            LatentData seen = encodes ? plain.withImages() : plain;
            LatentData latents = cached ? seen.withTokens(kept) : seen;
            LOG.info("{} prepared latents in {} classes", set.size(), set.classes());
            if (ranks.localRank() == 0) { // once on each machine, as each may have files of its own
                set.watch()
                        .ifPresent(missing -> LOG.warn("{}: {}", section.path().orElseThrow(), missing));
            }
            String attribution = "Trained on the prepared set " + section.path().orElseThrow() + " (" + set.identity()
                    + "); its licences are those of its pictures.\n";
            int side = set.layout().imageSide();
            TrainingPictures pictures = side == 0
                    ? null
                    : new TrainingPictures(
                            "prepared set " + set.identity(),
                            set.size(),
                            side,
                            (index, target) -> set.readImage(index, target, 0));
            ClassNames names = new ClassNames(set.classNames());
            String identity = set.identity() + norm.identity();
            BufferedData whole = set.featureBasis().isEmpty()
                    ? latents
                    : new BasedData(latents, set.featureBasis().get());
            return new RunData(whole, side, attribution, identity, pictures, names, set::close);
        } catch (RuntimeException e) {
            set.close();
            throw e;
        }
    }

    static PreparedSamples openLatents(RunConfig config) throws IOException {
        DataSection section = config.data();
        return PreparedSamples.open(new RepaFolders(
                section.path().orElseThrow(),
                section.folders().imagesFolder(),
                section.folders().latentsFolder()));
    }

    private static boolean needsPictures(EncoderSection.Kind kind) {
        return kind != EncoderSection.Kind.NONE && kind != EncoderSection.Kind.CACHED;
    }

    static void checkFits(RunConfig config, PreparedSamples set) {
        SampleLayout layout = set.layout();
        ModelSection model = config.model();
        Path path = config.data().path().orElseThrow();
        require("model.inChannels", layout.channels(), model.inChannels(), path);
        require("model.inputSize", layout.side(), model.inputSize(), path);
        require("model.numClasses", set.classes(), model.numClasses(), path);
        if (config.encoder().kind() == EncoderSection.Kind.CACHED) {
            if (layout.tokens() == 0) {
                throw new IllegalArgumentException("encoder.kind is CACHED but " + path
                        + " holds no encoder tokens; prepare it with --encoder, or choose another kind");
            }
            int width = config.encoder().width();
            int channels = RunPlan.model(config).featureChannels();
            boolean wider = layout.tokenWidth() == channels + width // features in front
                    || layout.tokenWidth() == RunPlan.lastBlocks(config) * width; // earlier blocks
            require("encoder.width", wider ? width : layout.tokenWidth(), width, path);
            int tokens = RunPlan.model(config).tokens();
            if (layout.tokens() != tokens + 1) {
                throw new IllegalArgumentException(path + " holds " + layout.tokens()
                        + " encoder tokens of each picture but the model needs a class token and " + tokens);
            }
        }
    }

    private static void require(String key, int needed, int found, Path set) {
        if (needed != found) {
            throw new IllegalArgumentException(key + " must be " + needed + " for " + set + " but was " + found);
        }
    }

    @Override
    public void close() {
        try {
            resources.close();
        } catch (IOException e) {
            LOG.warn("the training data could not be closed: {}", e.toString());
        }
    }
}
