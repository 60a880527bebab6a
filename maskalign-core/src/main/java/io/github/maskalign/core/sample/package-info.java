/**
 * Sampling: from noise at t = 1 to data at t = 0 along a {@link
 * io.github.maskalign.core.sample.VelocityField}, with classifier-free guidance. Samplers know nothing of
 * the network behind the field, and carry the state in float64.
 */
@NullMarked
package io.github.maskalign.core.sample;

import org.jspecify.annotations.NullMarked;
