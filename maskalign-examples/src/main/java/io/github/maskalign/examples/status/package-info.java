/** What a run folder tells about its run, whether it is going on or not. */
@NullMarked
package io.github.maskalign.examples.status;

import org.jspecify.annotations.NullMarked;
