package io.github.maskalign.examples.emoji;

import org.jspecify.annotations.Nullable;

/** A drawing that yields no picture; it is left out of the set. */
final class BrokenDrawingException extends Exception {
    private static final long serialVersionUID = 1L;

    BrokenDrawingException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
