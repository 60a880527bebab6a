/** Encodes captions from the command line, batch by batch, into a file and a summary. */
@NullMarked
package io.github.maskalign.examples.text;

import org.jspecify.annotations.NullMarked;
