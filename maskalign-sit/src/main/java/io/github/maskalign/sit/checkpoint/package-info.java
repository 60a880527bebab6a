/**
 * Weights of the SiT family in and out: which project a file comes from, what model its tensors describe, and the
 * names, rows and time axis under which this library and the official projects know them.
 */
@NullMarked
package io.github.maskalign.sit.checkpoint;

import org.jspecify.annotations.NullMarked;
