/** Files of weights on the command line: what is in one, one turned into another, and one to sample or start from. */
@NullMarked
package io.github.maskalign.examples.weights;

import org.jspecify.annotations.NullMarked;
