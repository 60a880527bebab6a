/** What the command {@code evaluate} is made of: pictures from files, extractors from options, results for people. */
@NullMarked
package io.github.maskalign.examples.evaluate;

import org.jspecify.annotations.NullMarked;
