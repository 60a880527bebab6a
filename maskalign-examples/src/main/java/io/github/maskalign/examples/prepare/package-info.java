/** From published picture sets to prepared ones, and a miniature of ImageNet to try it on. */
@NullMarked
package io.github.maskalign.examples.prepare;

import org.jspecify.annotations.NullMarked;
