/**
 * Several processes that train one model: who they are ({@code Launch}), what they exchange ({@code Communicator}),
 * how they agree to go on or to end ({@code Agreement}), and how gradients travel ({@code GradientBuckets}).
 *
 * <p>The transport is that of Open MPI or NCCL, called through JNA. Nothing here knows what is trained.
 */
@NullMarked
package io.github.maskalign.core.distributed;

import org.jspecify.annotations.NullMarked;
