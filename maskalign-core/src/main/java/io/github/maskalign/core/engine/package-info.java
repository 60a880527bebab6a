/** What has to be said to the engine itself: gradient mode, threads, memory readings, versions. */
@NullMarked
package io.github.maskalign.core.engine;

import org.jspecify.annotations.NullMarked;
