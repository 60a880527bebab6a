package io.github.maskalign.examples.autoencoder;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.encoders.vae.TrainablePatchAutoencoder;
import io.github.maskalign.examples.training.ObjectiveRun;
import java.util.List;

/**
 * How the embedded autoencoder is trained.
 *
 * @param name name of the run, and of its folder below {@code runs/} unless another is named
 * @param seed run seed of all draws
 * @param sets artists' sets it learns from
 * @param heldOut the set it never sees, on which it is measured
 * @param steps optimiser steps
 * @param batch drawings of one step
 * @param lr base learning rate; 5 % linear warm-up, then half a cosine down to 0
 * @param emaDecay decay of the average of the weights that is exported
 * @param edgeWeight weight of the differences between neighbouring pixels
 * @param halfWeight weight of the pictures decoded from latents at half the side
 * @param klWeight weight of the latents' distance from standard normal ones
 * @param saveEvery steps between two saved states
 */
public record AutoencoderConfig(
        String name,
        @Default("0") long seed,
        List<String> sets,
        String heldOut,
        @Positive long steps,
        @Positive int batch,
        @Default("1.0e-3") @Positive double lr,
        @Default("0.995") double emaDecay,
        @Default("1.0") @NonNegative double edgeWeight,
        @Default("0.25") @NonNegative double halfWeight,
        @Default("1.0e-2") @NonNegative double klWeight,
        @Default("200") long saveEvery) {
    /** @throws IllegalArgumentException if the sets overlap or do not suffice */
    public AutoencoderConfig {
        sets = List.copyOf(sets);
        if (sets.isEmpty()) {
            throw new IllegalArgumentException("sets must name at least one artist's set but was " + sets);
        }
        if (sets.contains(heldOut)) {
            throw new IllegalArgumentException("heldOut must not be among sets " + sets + " but was " + heldOut);
        }
    }

    TrainablePatchAutoencoder.Weighting weighting() {
        return new TrainablePatchAutoencoder.Weighting(edgeWeight, halfWeight, klWeight);
    }

    OptimConfig optim() {
        return ObjectiveRun.optim(steps, lr, emaDecay).withWeightDecay(0, false);
    }

    TrainConfig train() {
        return ObjectiveRun.train(steps, batch, saveEvery);
    }
}
