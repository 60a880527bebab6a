/** Programs of one's own: ImageNet training and sampling by the library alone, without config files or commands. */
@NullMarked
package io.github.maskalign.examples.imagenet;

import org.jspecify.annotations.NullMarked;
