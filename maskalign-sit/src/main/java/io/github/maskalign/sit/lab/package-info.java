/**
 * The laboratory: variants of an experiment over seeds, trained and scored by one protocol.
 */
@NullMarked
package io.github.maskalign.sit.lab;

import org.jspecify.annotations.NullMarked;
