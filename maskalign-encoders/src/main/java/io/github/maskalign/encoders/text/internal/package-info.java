/** What the command {@code encode-text} does with captions and a text encoder. */
@NullMarked
package io.github.maskalign.encoders.text.internal;

import org.jspecify.annotations.NullMarked;
