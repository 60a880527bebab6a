/** Configs of reference cases. */
@NullMarked
package io.github.maskalign.sit.parity.internal;

import org.jspecify.annotations.NullMarked;
