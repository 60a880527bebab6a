/**
 * Training: what a step minimises ({@link Objective}), one step ({@link TrainStep}), the optimiser
 * ({@link AdamW}), all that a run remembers ({@link TrainState}) and the loop around them
 * ({@link TrainLoop}). The optimiser's arithmetic lies beside it in {@code optimizer.py}.
 */
@NullMarked
package io.github.maskalign.core.train;

import org.jspecify.annotations.NullMarked;
