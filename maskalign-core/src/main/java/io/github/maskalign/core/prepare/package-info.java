/** Preparing a picture set for training: crop, encode, store; resumable, in parallel, nothing paired by rank. */
@NullMarked
package io.github.maskalign.core.prepare;

import org.jspecify.annotations.NullMarked;
