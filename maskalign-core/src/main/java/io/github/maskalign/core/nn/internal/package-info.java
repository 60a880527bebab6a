/**
 * Parts of the transformer block that no user calls.
 */
@NullMarked
package io.github.maskalign.core.nn.internal;

import org.jspecify.annotations.NullMarked;
