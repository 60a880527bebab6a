/**
 * The bridge to TorchScript: compiles readable source files into functions on NDArrays, and exports
 * blocks as archives. With {@code core.engine} the only package that sees the PyTorch engine's own types.
 */
@NullMarked
package io.github.maskalign.core.script;

import org.jspecify.annotations.NullMarked;
