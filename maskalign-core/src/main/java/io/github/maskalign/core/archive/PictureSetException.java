package io.github.maskalign.core.archive;

import java.io.IOException;
import java.nio.file.Path;

/** A file or folder is no picture set, or a damaged one; the message says what was found and what is allowed. */
public final class PictureSetException extends IOException {
    PictureSetException(Path where, String problem) {
        super(where + ": " + problem);
    }

    PictureSetException(Path where, String problem, Throwable cause) {
        super(where + ": " + problem, cause);
    }
}
