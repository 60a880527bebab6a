package io.github.maskalign.examples.judge;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.examples.training.EncoderProvenance.Artists;
import io.github.maskalign.examples.training.ObjectiveRun;
import java.util.List;

/**
 * How the judge is trained.
 *
 * @param name name of the run, and of its folder below {@code runs/} unless another is named
 * @param seed run seed of all draws
 * @param sets artists' sets it learns from
 * @param heldOut the set it never sees, whose drawings are the queries of the evaluation
 * @param gallery one of the trained sets, in which the evaluation looks the queries up
 * @param steps optimiser steps
 * @param batch drawings of one step
 * @param lr base learning rate; 5 % linear warm-up, then half a cosine down to 0
 * @param weightDecay decay of matrices
 * @param emaDecay decay of the average of the weights that is exported
 * @param smoothing share of each label that is spread over all classes of its head, in [0, 1)
 * @param categoryWeight weight of the cross-entropy of the category; that of the emoji has 1
 * @param artistWeight weight of the cross-entropy of the artist
 * @param damageWeight weight of the cross-entropy of the damage
 * @param damaged share of drawings that are damaged, in [0, 1]
 * @param shift furthest that a drawing is moved in each direction, in pixels
 * @param saveEvery steps between two saved states
 */
public record JudgeConfig(
        String name,
        @Default("0") long seed,
        List<String> sets,
        String heldOut,
        String gallery,
        @Positive long steps,
        @Positive int batch,
        @Default("1.0e-3") @Positive double lr,
        @Default("0.05") double weightDecay,
        @Default("0.995") double emaDecay,
        @Default("0.1") @NonNegative double smoothing,
        @Default("1.0") @NonNegative double categoryWeight,
        @Default("1.0") @NonNegative double artistWeight,
        @Default("1.0") @NonNegative double damageWeight,
        @Default("0.5") @NonNegative double damaged,
        @Default("4") @NonNegative int shift,
        @Default("200") long saveEvery) {
    /** @throws IllegalArgumentException if the sets overlap or do not suffice, or a share or the shift is out of range */
    public JudgeConfig {
        sets = List.copyOf(sets);
        new Artists(sets, heldOut, gallery); // says what is wrong with these
        if (smoothing >= 1) {
            throw new IllegalArgumentException("smoothing must be below 1 but was " + smoothing);
        }
        if (damaged > 1) {
            throw new IllegalArgumentException("damaged must be at most 1 but was " + damaged);
        }
        if (shift >= JudgeNetwork.SIDE) {
            throw new IllegalArgumentException(
                    "shift must be below the pictures' side of " + JudgeNetwork.SIDE + " pixels but was " + shift);
        }
    }

    Artists artists() {
        return new Artists(sets, heldOut, gallery);
    }

    OptimConfig optim() {
        return ObjectiveRun.optim(steps, lr, emaDecay).withWeightDecay(weightDecay, false);
    }

    TrainConfig train() {
        return ObjectiveRun.train(steps, batch, saveEvery);
    }
}
