/**
 * One strict zip reader, one bounded JSON reader, one pickle reader, checkpoints, headers: behind {@code core.files}.
 */
@NullMarked
package io.github.maskalign.core.files.internal;

import org.jspecify.annotations.NullMarked;
