/**
 * Recognising families, renaming keys, rounding: behind {@code sit.weights}.
 */
@NullMarked
package io.github.maskalign.sit.weights.internal;

import org.jspecify.annotations.NullMarked;
