/**
 * Files: safetensors, state dicts and checkpoints that survive a kill, a full disk and a flipped bit.
 *
 * <p>Everything is written as temporary file, force, atomic rename, force of the folder. Files from elsewhere are
 * data to be checked, never code: the only answer to a bad one is
 * {@link io.github.maskalign.core.io.CheckpointFormatException}.
 */
@NullMarked
package io.github.maskalign.core.io;

import org.jspecify.annotations.NullMarked;
