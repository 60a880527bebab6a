/**
 * How generated pictures are scored: Fréchet distance, Inception Score, precision and recall, kernel distance, each with
 * an error bar.
 *
 * <p>A {@link FeatureExtractor} turns pictures into numbers, a
 * {@link FeatureCollector} keeps of them what the metrics need, and
 * {@link Evaluation} compares two collections. Conventions are those of ADM's
 * evaluator (openai/guided-diffusion, {@code evaluations/evaluator.py}).
 */
@NullMarked
package io.github.maskalign.core.evaluate;

import org.jspecify.annotations.NullMarked;
