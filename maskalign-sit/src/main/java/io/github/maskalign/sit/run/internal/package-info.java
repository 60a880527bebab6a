/**
 * Sections of a config and what a run is made of: behind {@code sit.run}.
 */
@NullMarked
package io.github.maskalign.sit.run.internal;

import org.jspecify.annotations.NullMarked;
