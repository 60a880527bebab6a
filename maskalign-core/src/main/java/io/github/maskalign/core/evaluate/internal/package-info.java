/**
 * The statistics behind the scores: moments, distances, neighbours. Written in script files beside the classes.
 */
@NullMarked
package io.github.maskalign.core.evaluate.internal;

import org.jspecify.annotations.NullMarked;
