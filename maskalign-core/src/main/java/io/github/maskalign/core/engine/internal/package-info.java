/**
 * What the engine's own API hides: threads, addresses, TF32, deterministic mode, memory readings and shortages.
 */
@NullMarked
package io.github.maskalign.core.engine.internal;

import org.jspecify.annotations.NullMarked;
