/**
 * Published encoders read without Python: which file, which names, which shape, which pictures, which tokens.
 */
@NullMarked
package io.github.maskalign.encoders.published;

import org.jspecify.annotations.NullMarked;
