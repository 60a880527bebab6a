/**
 * The command line: {@link io.github.maskalign.examples.Main} and one class per command. The only package
 * that ends the JVM, reads its properties and chooses where log lines go.
 */
@NullMarked
package io.github.maskalign.examples;

import org.jspecify.annotations.NullMarked;
