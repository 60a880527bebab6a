/** Training samples by position: order of epochs, batches, scaling of pixels, and reading ahead. */
@NullMarked
package io.github.maskalign.core.data;

import org.jspecify.annotations.NullMarked;
