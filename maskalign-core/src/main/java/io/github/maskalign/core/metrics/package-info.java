/**
 * Where a run's numbers and pictures go: a JSON Lines file that is always written, TensorBoard event files
 * next to it, and a fan-out whose failing members never stop training.
 */
@NullMarked
package io.github.maskalign.core.metrics;

import org.jspecify.annotations.NullMarked;
