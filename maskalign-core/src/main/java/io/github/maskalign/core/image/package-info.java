/**
 * Pictures, pixel for pixel as the Python reference has them: reading, resampling, cropping, writing.
 *
 * <p>PNG and JPEG files from anywhere are read with bounded memory and time; the only answer to a bad one is
 * {@link io.github.maskalign.core.image.PictureFormatException}.
 */
@NullMarked
package io.github.maskalign.core.image;

import org.jspecify.annotations.NullMarked;
