/**
 * Randomness as a function of position: every draw is named by (run seed, stream, position), so nothing
 * but the step has to be saved to resume a run, and switching one stream off leaves the others alone.
 */
@NullMarked
package io.github.maskalign.core.random;

import org.jspecify.annotations.NullMarked;
