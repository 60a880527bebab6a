package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.files.internal.MessageText;
import java.io.IOException;

/** A set cannot be prepared in this folder, or what is there is not what it says; the message says why. */
public final class PrepareException extends IOException {
    public PrepareException(String message) {
        super(MessageText.message(message));
    }

    public PrepareException(String message, Throwable cause) {
        super(MessageText.message(message), cause);
    }
}
