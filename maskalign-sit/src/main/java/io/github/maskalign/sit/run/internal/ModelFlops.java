package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.align.TokenMixer.MixerConfig.Bottleneck;
import io.github.maskalign.core.align.TokenMixer.MixerConfig.Conditioning;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig.ProjectorKind;
import io.github.maskalign.sit.SiTConfig.ModelConfig;
import java.util.stream.IntStream;

/**
 * Floating point operations of a model: two for each multiply-add of its matrix products and convolutions, nothing for the
 * rest, as PyTorch's counter has it. A block of width D on T tokens with MLP ratio 4 takes {@code T (24 D² + 4 T D) + 12 D²}.
 *
 * @param forward of one picture's forward pass in training: with the subset's ratio or the mean of them, with projectors, and with a
 *     second pass where there is one
 * @param step of one picture's part of a training step: three times forward, as the backward pass has two products for
 *     each of the forward pass, and what a model computes as its own teacher; without the encoder
 * @param sample of one evaluation of the velocity of one picture: all tokens, no projectors; guidance takes two
 */
public record ModelFlops(long forward, long step, long sample) {
    private static final int TIME_FEATURES = 256;

    /** Counts the operations of a model. */
    public static ModelFlops of(SiTConfig config) {
        SubsetConfig.Dropping dropping = config.subset().dropping();
        boolean draws = dropping.schedule() == SubsetConfig.SubsetSchedule.UNIFORM_RANGE;
        double ratio = dropping.ratio() + (draws ? dropping.scheduleWidth() / 2 : 0);
        int kept = config.subset().placement().usesSubset()
                ? config.subset().drawing().rounding().kept(config.tokens(), ratio)
                : config.tokens();
        boolean twice = config.subset().placement() == SubsetPlacement.MASKED_PASS && ratio > 0;
        long forward = trunk(config, twice ? config.tokens() : kept)
                + (twice ? longSkips(config, kept, true) : 0)
                + heads(config, kept);
        long step = 3 * forward
                + (config.terms().selfAlign().isPresent() ? teacher(config) : 0)
                + (config.terms().endToEnd().isPresent() ? 2 * seenByTheAutoencoder(config) : 0);
        return new ModelFlops(forward, step, trunk(config, config.tokens()));
    }

    private static long trunk(SiTConfig config, int kept) {
        if (config.subset().placement() == SubsetPlacement.MASKED_PASS) {
            return longSkips(config, config.tokens(), false);
        }
        ModelConfig model = config.model();
        long d = model.hiddenSize();
        long cls = config.hasClassToken() ? 1 : 0;
        long all = config.tokens() + cls;
        long patch = (long) model.patchSize() * model.patchSize();
        long count = embedding(config);
        count += mixer(config.mixer(), all, leaving(config, kept) + cls, d);
        int hidden = (int) (d * model.mlpRatio());
        for (int block = 0; block < model.depth(); block++) {
            count += block(tokensIn(config, block, kept) + cls, d, d, hidden);
        }
        if (config.subset().placement() == SubsetPlacement.SPARSE) {
            count += product(all, 2 * d, d); // joins what both paths made
        }
        long width = d;
        if (config.subset().decoder().isPresent()) {
            SubsetConfig.Decoder decoder = config.subset().decoder().get();
            width = decoder.width();
            long seen = tokensIn(config, model.depth() - 1, kept) + cls;
            count += product(1, d, 2 * d) + product(seen, d, width);
            count += decoder.layers() * block(all, width, d, (int) (width * model.mlpRatio()));
        }
        count += product(1, d, 2 * width) + product(tokensOut(config, kept), width, patch * config.outChannels());
        return count + product(cls, width, config.classTokenWidth());
    }

    /** A pass of blocks with long skips, whose encoder sees some tokens: with the block that guesses the others. */
    private static long longSkips(SiTConfig config, int kept, boolean guesses) {
        ModelConfig model = config.model();
        long d = model.hiddenSize();
        int hidden = (int) (d * model.mlpRatio());
        long all = config.tokens();
        int last = config.subset().sparse().dense();
        int half = (model.depth() - last) / 2;
        long count = embedding(config) + 2 * half * block(kept, d, d, hidden) + half * product(kept, 2 * d, d);
        count += (guesses ? 1 : 0) * block(all, d, d, hidden);
        count += last * (block(all, d, d, hidden) + product(all, 2 * d, d));
        long patch = (long) model.patchSize() * model.patchSize();
        return count + product(1, d, 2 * d) + product(all, d, patch * config.outChannels());
    }

    /** What the moving average computes as a teacher: all tokens, up to its block. */
    private static long teacher(SiTConfig config) {
        ModelConfig model = config.model();
        long d = model.hiddenSize();
        long tokens = (long) config.tokens() + (config.hasClassToken() ? 1 : 0);
        int blocks = config.terms().selfAlign().orElseThrow().teacherBlock();
        return embedding(config)
                + mixer(config.mixer(), tokens, tokens, d)
                + blocks * block(tokens, d, d, (int) (d * model.mlpRatio()));
    }

    /** The pass through which an autoencoder that is trained along is aligned, whose weights have no gradients. */
    private static long seenByTheAutoencoder(SiTConfig config) {
        ModelConfig model = config.model();
        long d = model.hiddenSize();
        int taps = config.encoderWidths().size();
        int last = IntStream.range(0, taps).map(config.align()::depthOf).max().orElse(0);
        return embedding(config)
                + last * block(config.tokens(), d, d, (int) (d * model.mlpRatio()))
                + projectors(config, config.tokens());
    }

    private static long embedding(SiTConfig config) {
        ModelConfig model = config.model();
        long d = model.hiddenSize();
        long patch = (long) model.patchSize() * model.patchSize();
        long cls = config.hasClassToken() ? 1 : 0;
        return product(config.tokens(), model.inChannels() * patch, d)
                + product(1, TIME_FEATURES, d)
                + product(1, d, d)
                + product(cls, config.classTokenWidth(), d);
    }

    /** Patch tokens that leave the mixer. */
    private static long leaving(SiTConfig config, int kept) {
        return switch (config.subset().placement()) {
            case DROP, DROP_REINSERT -> kept;
            case NONE, LOSS_ONLY, ROUTE, SPARSE, MASKED_PASS -> config.tokens();
        };
    }

    /** Patch tokens that a block sees, counted from 0. */
    private static long tokensIn(SiTConfig config, int block, int kept) {
        return switch (config.subset().placement()) {
            case NONE, LOSS_ONLY, MASKED_PASS -> config.tokens();
            case DROP, DROP_REINSERT -> kept;
            case ROUTE -> {
                SubsetConfig.Route route = config.route();
                yield block >= route.routeStart() && block <= route.routeEnd() ? kept : config.tokens();
            }
            case SPARSE -> {
                int dense = config.subset().sparse().dense();
                yield block >= dense && block < config.model().depth() - dense ? kept : config.tokens();
            }
        };
    }

    private static long tokensOut(SiTConfig config, int kept) {
        return config.subset().placement() == SubsetPlacement.DROP ? kept : config.tokens();
    }

    /** What training alone computes: projectors, the head of self-alignment, attention that is handed out. */
    private static long heads(SiTConfig config, int kept) {
        long d = config.model().hiddenSize();
        long cls = config.hasClassToken() ? 1 : 0;
        long count = projectors(config, kept);
        if (config.terms().selfAlign().isPresent()) {
            long tokens = tokensIn(config, config.terms().selfAlign().get().block() - 1, kept) + cls;
            count += 2 * product(tokens, d, 2 * d);
        }
        if (config.terms().attention().isPresent()) {
            long tokens = config.tokens() + cls;
            count += config.terms().attention().get().blocks().size()
                    * (product(tokens, d, 2 * d) + product(tokens, d, tokens));
        }
        return count;
    }

    private static long projectors(SiTConfig config, int kept) {
        AlignConfig align = config.align();
        long d = config.model().hiddenSize();
        long seen = config.encoderWidths().isEmpty() ? 0 : tokensIn(config, align.depth() - 1, kept);
        long tokens = seen + (config.hasClassToken() ? 1 : 0);
        long hidden = align.projectorDim();
        long count = 0;
        for (int width : config.encoderWidths()) {
            count += align.projector() == ProjectorKind.CONV
                    ? product(config.tokens(), d * align.kernel() * align.kernel(), width)
                    : product(tokens, d, hidden) + product(tokens, hidden, hidden) + product(tokens, hidden, width);
        }
        return count;
    }

    private static long mixer(MixerConfig mixer, long tokens, long leaving, long d) {
        long width = mixer.width() == 0 ? d : mixer.width();
        long condition = mixer.conditioning() == Conditioning.NONE ? 0 : d;
        boolean narrow = width != d && mixer.layers() > 0;
        long widened = mixer.bottleneck() == Bottleneck.NORMALISED ? leaving : tokens;
        long between = narrow ? product(tokens, d, width) + product(widened, width, d) : 0;
        return between + mixer.layers() * block(tokens, width, condition, (int) (width * mixer.mlpRatio()));
    }

    /** A block: modulation of condition width c, q k v, attention, its projection, MLP. */
    private static long block(long tokens, long d, long condition, long hidden) {
        return product(1, condition, 6 * d)
                + product(tokens, d, 4 * d)
                + 2 * product(tokens, d, tokens)
                + product(tokens, d, 2 * hidden);
    }

    /** (m, k) times (k, n). */
    private static long product(long m, long k, long n) {
        return 2 * m * k * n;
    }
}
