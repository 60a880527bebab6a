/**
 * Frozen encoders whose tokens the model's hidden states are aligned with: TorchScript archives with the
 * preprocessing they expect, and a small teacher for the emoji set that comes with the library.
 */
@NullMarked
package io.github.maskalign.encoders;

import org.jspecify.annotations.NullMarked;
