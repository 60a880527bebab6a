package io.github.maskalign.examples.compressor;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.config.ConfigKey.OneOf;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.OptimConfig.LrSchedule;
import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.examples.training.ObjectiveRun;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * How a compressor of tokens is trained.
 *
 * @param name name of the run, and of its folder below {@code runs/} unless another is named
 * @param seed run seed of all draws
 * @param path prepared set with an encoder's tokens; unless given those of the embedded teacher on emoji
 * @param emoji EMOJI: whose tokens
 * @param heldOut pictures it never sees, on which it is measured
 * @param channels channels that the tokens are compressed to; 16 as published
 * @param hidden channels between; 256 as published
 * @param steps optimiser steps
 * @param batch pictures of one step
 * @param lr learning rate that it begins with, which falls along a cosine to 0.87 of it, as published
 * @param device {@code cpu} or {@code gpu}
 * @param saveEvery steps between two saved states
 */
public record CompressorConfig(
        String name,
        @Default("0") long seed,
        @Default("null") Optional<Path> path,
        @Inline Emoji emoji,
        @Default("256") @NonNegative int heldOut,
        @Default("16") @Positive int channels,
        @Default("256") @Positive int hidden,
        @Positive long steps,
        @Positive int batch,
        @Default("1.0e-3") @Positive double lr,
        @Default("cpu") @OneOf({"cpu", "gpu"}) String device,
        @Default("200") long saveEvery) {
    /** Length of the published cosine over that of its training: 100 epochs over 25. */
    private static final int COSINE = 4;

    private static final double LAST_RATE = 0.1;

    /**
     * Which tokens of the embedded teacher.
     *
     * @param sets artists' sets of drawings
     * @param size side of the drawings in pixels
     * @param grid tokens along a side, 8 or 16
     * @param lastBlocks the tokens of so many of the teacher's blocks are joined, the last ones
     */
    public record Emoji(
            @Default("[]") List<String> sets,
            @Default("32") @Positive int size,
            @Default("8") @Positive int grid,
            @Default("4") @Positive int lastBlocks) {
        /** Copies the list. */
        public Emoji {
            sets = List.copyOf(sets);
        }
    }

    /** @throws IllegalArgumentException if there are no tokens, or those of two kinds */
    public CompressorConfig {
        if (path.isPresent() != emoji.sets().isEmpty()) {
            throw new IllegalArgumentException(
                    "either path must name a prepared set with tokens, or sets those of emoji," + " but they were "
                            + path.map(Path::toString).orElse("null") + " and " + emoji.sets());
        }
        if (emoji.grid() != 8 && emoji.grid() != 16) {
            throw new IllegalArgumentException("grid must be 8 or 16 but was " + emoji.grid());
        }
        if (batch < 2) {
            throw new IllegalArgumentException(
                    "batch must be at least 2, as norms look at the whole batch, but was " + batch);
        }
    }

    /** Adam without decay, clipping and average, as published; the cosine runs by steps, not by epochs. */
    OptimConfig optim() {
        return OptimConfig.PAPER
                .withLr(lr)
                .withClipNorm(0)
                .withEmaDecay(0)
                .withSchedule(LrSchedule.COSINE, 0, COSINE * steps, LAST_RATE);
    }

    TrainConfig train() {
        return ObjectiveRun.train(steps, batch, saveEvery);
    }
}
