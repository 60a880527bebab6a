/** One experiment from its config: the records a config binds to, what they build, and the run itself. */
@NullMarked
package io.github.maskalign.examples.run;

import org.jspecify.annotations.NullMarked;
