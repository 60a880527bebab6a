package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.files.internal.MessageText;
import java.io.IOException;
import java.nio.file.Path;

/** A file or folder is no picture set, or a damaged one; the message says what was found and what is allowed. */
public final class PictureSetException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String problem;

    public PictureSetException(Path where, String problem) {
        super(message(where, problem));
        this.problem = MessageText.sentence(problem);
    }

    public PictureSetException(Path where, String problem, Throwable cause) {
        super(message(where, problem), cause);
        this.problem = MessageText.sentence(problem);
    }

    /** Returns what is wrong, without the name of the file. */
    public String problem() {
        return problem;
    }

    private static String message(Path where, String problem) {
        return MessageText.visible(where.toString()) + ": " + MessageText.sentence(problem);
    }
}
