/** The stopwatch: bare training steps on random data, without touching disk. */
@NullMarked
package io.github.maskalign.examples.bench;

import org.jspecify.annotations.NullMarked;
