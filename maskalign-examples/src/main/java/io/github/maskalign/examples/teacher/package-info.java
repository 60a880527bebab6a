/**
 * Trains the small encoder that comes with the library: a vision transformer that learns, from drawings of
 * the same emoji by different artists, what a picture shows. Exports it and measures what it has learned.
 */
@NullMarked
package io.github.maskalign.examples.teacher;

import org.jspecify.annotations.NullMarked;
