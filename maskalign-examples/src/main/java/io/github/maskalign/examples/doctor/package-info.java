/** Finds out whether this machine and this installation can run MaskAlign, and what to do if not. */
@NullMarked
package io.github.maskalign.examples.doctor;

import org.jspecify.annotations.NullMarked;
