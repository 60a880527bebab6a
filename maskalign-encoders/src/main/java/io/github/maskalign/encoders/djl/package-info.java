/**
 * Encoders and autoencoders as models of DJL: {@code Criteria}, {@code ZooModel} and {@code Predictor}. Nothing here
 * reads a repository or unpacks an archive.
 */
@NullMarked
package io.github.maskalign.encoders.djl;

import org.jspecify.annotations.NullMarked;
