package io.github.maskalign.core.script;

import java.io.IOException;

/** A file is no TorchScript archive that can be opened. The message names the file. */
public final class ScriptFormatException extends IOException {
    private static final long serialVersionUID = 1L;

    ScriptFormatException(String message, Throwable cause) {
        super(message, cause);
    }
}
