/**
 * Overwriting arrays where they are.
 */
@NullMarked
package io.github.maskalign.core.script.internal;

import org.jspecify.annotations.NullMarked;
