package io.github.maskalign.core.prepare;

import io.github.maskalign.core.io.MessageText;
import java.io.IOException;

/** A set cannot be prepared in this folder, or what is there is not what it says; the message says why. */
public final class PrepareException extends IOException {
    PrepareException(String message) {
        super(MessageText.message(message));
    }

    PrepareException(String message, Throwable cause) {
        super(MessageText.message(message), cause);
    }
}
