/** What has to be said to the engine itself: gradient mode, threads, memory readings, the processor. */
@NullMarked
package io.github.maskalign.core.engine;

import org.jspecify.annotations.NullMarked;
