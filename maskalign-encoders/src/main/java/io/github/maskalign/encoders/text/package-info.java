/**
 * Text towers: captions to tokens and one pooled vector, from the files that transformers and diffusers publish.
 *
 * <p>Captions are cut into tokens by Hugging Face's tokenizers library, which gets nothing but a definition that this
 * package has checked and written itself; what a file says in any other way is refused.
 */
@NullMarked
package io.github.maskalign.encoders.text;

import org.jspecify.annotations.NullMarked;
