/**
 * Statistics of the alignment signal, without models, engines or files: where a signal prefers to be on a grid of
 * positions, how alike representations are, how far features resemble their neighbours, what a linear probe reads from
 * them, and how much a loss changes under a subset.
 *
 * <p>Every number is a {@link Measured}: with an interval, and with what chance alone would give where that is
 * known. Arithmetic is float64; the same input and seed give the same numbers on every machine, up to the last bits of
 * {@code Math.log} and its kin. Definitions are those of the papers that the types name.
 */
@NullMarked
package io.github.maskalign.core.analysis;

import org.jspecify.annotations.NullMarked;
