package io.github.maskalign.examples.emoji;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.data.LatentData;
import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.internal.BasedData;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTObjective.KeptTokens;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.EncoderSection;
import io.github.maskalign.sit.run.TrainingSource;
import io.github.maskalign.sit.run.TrainingSource.TrainingPictures;
import io.github.maskalign.sit.run.internal.EncoderChoice;
import io.github.maskalign.sit.run.internal.RunPlan;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The emoji set of a config ({@code data.kind: EMOJI}) as training data. The latents are its pixels, or with
 * {@code data.space: LATENTS} those of the embedded autoencoder, which are computed once, with the teacher's tokens.
 */
public final class EmojiTrainingSource implements TrainingSource {
    private static final int LATENT_SIDE = 64;
    private static final Logger LOG = LoggerFactory.getLogger(EmojiTrainingSource.class);

    @Override
    public String kind() {
        return "EMOJI";
    }

    @Override
    public Opened open(RunConfig config, Path defaultCache, Draws draws) throws IOException {
        boolean latents = config.data().embedded();
        int side = latents ? LATENT_SIDE : config.model().inputSize();
        List<EmojiGroup> groups = config.data().drawings().classes().stream()
                .map(EmojiGroup::named)
                .toList();
        EmojiConfig drawings = groups.isEmpty()
                ? new EmojiConfig(config.data().sets(), side, false, false)
                : EmojiConfig.ofGroups(config.data().sets(), side, groups);
        Path cache = config.data().cache().orElse(defaultCache);
        int channels = latents ? 4 : 3;
        if (config.model().inChannels() != channels) {
            throw new IllegalArgumentException("model.inChannels must be " + channels + " for emoji"
                    + (latents ? " in data.space LATENTS" : "") + " but was "
                    + config.model().inChannels());
        }
        if (latents && config.model().inputSize() != LATENT_SIDE / 4) {
            throw new IllegalArgumentException(
                    "model.inputSize must be " + LATENT_SIDE / 4 + " for emoji in data.space LATENTS but was "
                            + config.model().inputSize());
        }
        EmojiSet set = EmojiSet.open(drawings, cache, progress("drawing"));
        int classes = set.labels().size();
        if (config.model().numClasses() != classes) {
            throw new IllegalArgumentException("model.numClasses must be " + classes + " for emoji, " + set.labels()
                    + ", but was " + config.model().numClasses());
        }
        LOG.info("{} emoji at {} pixels in {} classes: {}", set.size(), side, classes, set.labels());
        TrainingPictures pictures = new TrainingPictures(
                "emoji " + String.join(" ", config.data().sets()) + " at " + side
                        + (groups.isEmpty() ? "" : " in " + EmojiGroup.ids(groups)),
                set.size(),
                side,
                (index, target) -> set.copyInto(index, target, 0));
        return latents
                ? latents(config, set, new Kept(cache, draws), pictures)
                : new Opened(
                        withFeatures(pixels(set, draws), config, set, cache),
                        pictures,
                        set.attribution(),
                        set.labels(),
                        "",
                        () -> {});
    }

    /** The same data with what makes features of the teacher's tokens, for a model that generates them. */
    private static TrainingData withFeatures(BufferedData data, RunConfig config, EmojiSet set, Path cache)
            throws IOException {
        SiTConfig model = RunPlan.model(config);
        boolean made = config.method()
                .terms()
                .features()
                .filter(features -> features.source().reduction().isEmpty())
                .isPresent();
        if (!made) {
            return data;
        }
        if (config.encoder().kind() != EncoderSection.Kind.EMBEDDED) {
            throw new IllegalArgumentException(
                    "encoder.kind must be EMBEDDED for terms.features over emoji, as the basis is"
                            + " that of the embedded teacher's tokens, but was "
                            + config.encoder().kind());
        }
        EncoderChoice.requireFits(config, model, set.config().size());
        EmojiFeatures.Tokens tokens = new EmojiFeatures.Tokens(model.grid(), RunPlan.lastBlocks(config));
        return new BasedData(data, new EmojiFeatures(set, tokens, model.featureChannels(), cache).open());
    }

    private static ImageTensorData pixels(EmojiSet set, Draws draws) {
        int side = set.config().size();
        byte[][] pixels = new byte[set.size()][];
        int[] labels = new int[set.size()];
        for (int i = 0; i < set.size(); i++) {
            pixels[i] = set.pixels(i);
            labels[i] = set.entry(i).label();
        }
        return new ImageTensorData(pixels, labels, new Shape(3, side, side), draws);
    }

    /** Where latents are kept, and the random numbers of the run. */
    private record Kept(Path cache, Draws draws) {}

    private static Opened latents(RunConfig config, EmojiSet set, Kept how, TrainingPictures pictures)
            throws IOException {
        EncoderSection.Kind encoder = config.encoder().kind();
        boolean attends = config.method().terms().attention().isPresent(); // which is not kept
        boolean trains = config.method().terms().endToEnd().isPresent(); // the autoencoder, on the drawings
        boolean tokens = encoder == EncoderSection.Kind.EMBEDDED
                && !trains
                && RunPlan.model(config).grid()
                        == EmojiLatents.GRID // other grids are encoded while training, or refused
                && !attends
                && RunPlan.lastBlocks(config) == 1
                && config.encoders().size() == 1;
        boolean images = !tokens && encoder != EncoderSection.Kind.NONE;
        EmojiLatents latents = new EmojiLatents(set, how.cache(), tokens, images);
        PreparedSamples samples = latents.open(progress("encoding"));
        try {
            if (tokens && config.encoder().width() != samples.layout().tokenWidth()) {
                throw new IllegalArgumentException("encoder.width must be "
                        + samples.layout().tokenWidth() + " for this encoder but was "
                        + config.encoder().width());
            }
            LOG.info("latents by the embedded autoencoder, which also decodes; {}", encoderIs(encoder, tokens));
            LatentData plain = new LatentData(samples, how.draws(), 1, 0);
            LatentData data = images ? plain.withImages() : plain;
            if (tokens) {
                TokenSubsetSampler subsets = new TokenSubsetSampler(
                        config.subset(), how.draws(), config.train().steps());
                data = plain.withTokens(new KeptTokens(
                        RunPlan.model(config), subsets, config.train().globalBatch()));
            }
            return new Opened(
                    withFeatures(data, config, set, how.cache()),
                    pictures,
                    set.attribution(),
                    set.labels(),
                    latents.identity(),
                    samples::close);
        } catch (IOException | RuntimeException e) {
            samples.close();
            throw e;
        }
    }

    private static String encoderIs(EncoderSection.Kind encoder, boolean kept) {
        if (encoder == EncoderSection.Kind.NONE) {
            return "no encoder";
        }
        return kept ? "tokens of the embedded teacher, kept beside them" : "tokens are computed while it trains";
    }

    /** Tells every tenth of the work. */
    private static EmojiProgress progress(String work) {
        int[] told = {-1};
        return (done, total) -> {
            int tenth = 10 * done / Math.max(1, total);
            if (tenth > told[0]) {
                told[0] = tenth;
                LOG.info("{} the emoji: {} of {}", work, done, total);
            }
        };
    }
}
