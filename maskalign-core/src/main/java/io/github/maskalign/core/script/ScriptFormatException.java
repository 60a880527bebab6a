package io.github.maskalign.core.script;

import java.io.IOException;

/** A file is no TorchScript archive that the engine can open; the message names it and what the engine said. */
public final class ScriptFormatException extends IOException {
    ScriptFormatException(String name, String reason, Throwable cause) {
        super(name + " is not a TorchScript archive that can be opened: " + reason, cause);
    }
}
