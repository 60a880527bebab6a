/**
 * Trains the small autoencoder that comes with the library, on drawings of emoji, exports it and measures it on the
 * drawings of an artist it has not seen.
 */
@NullMarked
package io.github.maskalign.examples.autoencoder;

import org.jspecify.annotations.NullMarked;
