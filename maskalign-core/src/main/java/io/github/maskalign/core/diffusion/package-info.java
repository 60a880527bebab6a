/**
 * Paths from data (t = 0) to noise (t = 1), the velocities along them, and how timesteps are drawn.
 * Everything follows from four functions of time, see {@link io.github.maskalign.core.diffusion.Interpolant}.
 */
@NullMarked
package io.github.maskalign.core.diffusion;

import org.jspecify.annotations.NullMarked;
