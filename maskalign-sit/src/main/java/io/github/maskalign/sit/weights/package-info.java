/**
 * Checkpoints of the family in and out, with the official key names.
 */
@NullMarked
package io.github.maskalign.sit.weights;

import org.jspecify.annotations.NullMarked;
