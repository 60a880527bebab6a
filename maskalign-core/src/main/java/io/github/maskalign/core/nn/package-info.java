/**
 * Parts that SiT, the token mixer and the encoders are made of. The arithmetic of each lies beside it as a
 * TorchScript source file: {@code block.py} for {@link AdaLnZeroBlock} and so on.
 */
@NullMarked
package io.github.maskalign.core.nn;

import org.jspecify.annotations.NullMarked;
