/**
 * Trains the second encoder that comes with the library, which scores pictures: other labels, other seed and other
 * pictures than the teacher's, so that models that align with the teacher gain nothing by that.
 */
@NullMarked
package io.github.maskalign.examples.judge;

import org.jspecify.annotations.NullMarked;
