package io.github.maskalign.examples.teacher;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.examples.training.EncoderProvenance.Artists;
import io.github.maskalign.examples.training.ObjectiveRun;
import java.util.List;

/**
 * How the teacher is trained.
 *
 * @param name name of the run, and of its folder below {@code runs/} unless another is named
 * @param seed run seed of all draws
 * @param sets artists' sets it learns from
 * @param heldOut the set it never sees, whose drawings are the queries of the evaluation
 * @param gallery one of the trained sets, in which the evaluation looks the queries up
 * @param steps optimiser steps
 * @param batch pairs of one step
 * @param lr base learning rate; 5 % linear warm-up, then half a cosine down to 0
 * @param weightDecay decay of matrices
 * @param emaDecay decay of the average of the weights that is exported
 * @param temperature of both losses
 * @param patchWeight weight of the patch tokens' loss
 * @param doubleEvery each step of this number trains on pictures of twice the side, so that the teacher also
 *     serves finer tokens; 0 never does
 * @param precision arithmetic of training; the exported archive computes in float32
 * @param saveEvery steps between two saved states
 */
public record TeacherConfig(
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
        @Default("0.1") @Positive double temperature,
        @Default("0.5") double patchWeight,
        @Default("0") int doubleEvery,
        @Default("FLOAT32") Precision precision,
        @Default("200") long saveEvery) {
    /** @throws IllegalArgumentException if the sets overlap or do not suffice */
    public TeacherConfig {
        sets = List.copyOf(sets);
        new Artists(sets, heldOut, gallery); // says what is wrong with these
        if (batch < 2) {
            throw new IllegalArgumentException("batch must be at least 2, for the negatives, but was " + batch);
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
