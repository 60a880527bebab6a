/**
 * Picture sets prepared for training: latents, and if wanted pictures and encoder tokens, in a few large files with an
 * index and checksums.
 */
@NullMarked
package io.github.maskalign.core.prepared;

import org.jspecify.annotations.NullMarked;
