package io.github.maskalign.core.files.internal;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;

/** A file or checkpoint could not be written: the disk is full, fails or is not writable. Says what is still there. */
public final class CheckpointWriteException extends IOException {
    public CheckpointWriteException(Path target, String whatIsThere, Throwable cause) {
        super("could not write " + target + ": " + reason(cause) + "; " + whatIsThere, cause);
    }

    private static String reason(Throwable cause) {
        String message = cause.getMessage();
        // The messages of NoSuchFileException and its like are just a path.
        boolean speaks = cause.getClass() == IOException.class || cause.getClass() == FileSystemException.class;
        return speaks && message != null
                ? message
                : cause.getClass().getSimpleName() + (message == null ? "" : " (" + message + ")");
    }
}
