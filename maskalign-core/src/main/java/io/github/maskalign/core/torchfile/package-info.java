/**
 * Weights in files made elsewhere: PyTorch checkpoints and safetensors, whole or sharded.
 *
 * <p>{@link io.github.maskalign.core.torchfile.WeightsFile} opens either kind by its content. A PyTorch checkpoint is
 * a zip with a pickle in it: {@link io.github.maskalign.core.torchfile.TorchFile} reads the pickle as data, looks up
 * no class and calls nothing. Tensors stay in the file until they are read.
 */
@NullMarked
package io.github.maskalign.core.torchfile;

import org.jspecify.annotations.NullMarked;
