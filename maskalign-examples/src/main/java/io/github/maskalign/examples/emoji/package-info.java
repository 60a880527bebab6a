/**
 * The emoji set: complete emoji sets by several artists, drawn from a class-path archive of SVG pictures
 * into labelled RGB pictures of any size, with positive pairs across artists and augmentation.
 */
@NullMarked
package io.github.maskalign.examples.emoji;

import org.jspecify.annotations.NullMarked;
