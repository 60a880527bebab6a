/**
 * Files of numbers: weights in and out, named tensors, .npz, atomic writing. May use {@code engine} and {@code script}.
 */
@NullMarked
package io.github.maskalign.core.files;

import org.jspecify.annotations.NullMarked;
