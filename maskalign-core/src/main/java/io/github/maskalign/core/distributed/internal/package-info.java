/**
 * Open MPI and NCCL through JNA, buckets of gradients, watching over other ranks.
 */
@NullMarked
package io.github.maskalign.core.distributed.internal;

import org.jspecify.annotations.NullMarked;
