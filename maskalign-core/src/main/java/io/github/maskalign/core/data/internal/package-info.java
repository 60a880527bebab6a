/**
 * Archives of pictures, shards and REPA's layout, buffers and orders: behind {@code core.data}.
 */
@NullMarked
package io.github.maskalign.core.data.internal;

import org.jspecify.annotations.NullMarked;
