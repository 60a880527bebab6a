/**
 * Where the library's numbers come from: SplitMix64 and the ziggurat for normal values, reproducible on every machine.
 * {@link io.github.maskalign.core.random.Draws} is what users see of it.
 */
@NullMarked
package io.github.maskalign.core.random.internal;

import org.jspecify.annotations.NullMarked;
