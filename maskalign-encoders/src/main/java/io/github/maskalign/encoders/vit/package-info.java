/**
 * Vision transformers of the DINOv2 architecture, as DJL blocks over TorchScript functions.
 *
 * <p>Parameters have the official names, so DINOv2 weights fit, and a trained block can be exported as a
 * TorchScript archive that any {@code TorchScriptEncoder} opens.
 */
@NullMarked
package io.github.maskalign.encoders.vit;

import org.jspecify.annotations.NullMarked;
