/**
 * The engine's native libraries, made ready before DJL is loaded: unpacked once into a folder that others cannot write,
 * compared with their jar, and made known to DJL. Nothing here loads a class of DJL.
 */
@NullMarked
package io.github.maskalign.examples.natives;

import org.jspecify.annotations.NullMarked;
