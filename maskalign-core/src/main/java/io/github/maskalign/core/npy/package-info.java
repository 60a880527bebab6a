/**
 * NumPy's files: arrays in {@code .npy}, several of them in {@code .npz}, read and written in streams of any length.
 *
 * <p>Headers are parsed as data, never evaluated, and sizes are checked before memory is taken; the only answer to a
 * bad file is {@link io.github.maskalign.core.io.CheckpointFormatException}.
 */
@NullMarked
package io.github.maskalign.core.npy;

import org.jspecify.annotations.NullMarked;
