package io.github.maskalign.core.image;

import io.github.maskalign.core.files.internal.MessageText;
import java.io.IOException;

/**
 * A file is no PNG or JPEG picture that can be read: not one at all, cut off, damaged, too large, or of a kind that is
 * not supported. The message names the file and the reason.
 */
public final class PictureFormatException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String reason;

    /** One reason, as a sentence without the file's name. */
    public PictureFormatException(String origin, String reason) {
        super(message(origin, reason));
        this.reason = MessageText.sentence(reason);
    }

    /** One reason, found by the exception given as cause. */
    public PictureFormatException(String origin, String reason, Throwable cause) {
        super(message(origin, reason), cause);
        this.reason = MessageText.sentence(reason);
    }

    /** Returns the reason, without the file's name. */
    public String reason() {
        return reason;
    }

    private static String message(String origin, String reason) {
        return MessageText.visible(origin) + ": " + MessageText.sentence(reason);
    }
}
