/**
 * Trains the small network that makes few channels of an encoder's tokens, for models that generate them beside the latent
 * (REGLUE), and measures it on pictures it has not seen.
 */
@NullMarked
package io.github.maskalign.examples.compressor;

import org.jspecify.annotations.NullMarked;
