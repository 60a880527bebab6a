/**
 * One reader of zip files for all that arrives as one: NumPy's arrays, PyTorch's checkpoints, pictures. It takes one
 * meaning of a file or none. For this library's own readers, which turn it into their formats; nothing is promised
 * about it from one version to the next.
 */
@NullMarked
package io.github.maskalign.core.zip;

import org.jspecify.annotations.NullMarked;
