package io.github.maskalign.core.script;

import java.io.IOException;

/**
 * A file is no TorchScript archive that the engine can open, or not the one whose hash was given; the message names it
 * and what was found.
 */
public final class ScriptFormatException extends IOException {
    ScriptFormatException(String name, String reason, Throwable cause) {
        super(name + " is not a TorchScript archive that can be opened: " + reason, cause);
    }

    ScriptFormatException(String name, String pinned, String found) {
        super(name + ": must have the SHA-256 " + pinned + " but has " + found
                + "; it is damaged or another version and was not opened");
    }
}
