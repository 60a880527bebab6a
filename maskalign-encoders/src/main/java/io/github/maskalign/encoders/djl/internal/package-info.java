/** Shared by the model zoos; not for use outside of this library. */
@NullMarked
package io.github.maskalign.encoders.djl.internal;

import org.jspecify.annotations.NullMarked;
