package io.github.maskalign.core.distributed;

/** The exchange between ranks failed: a library is missing or refuses, or another process is gone. */
public final class CommunicationException extends RuntimeException {
    /** Creates the exception with what was tried, what happened and what to do. */
    public CommunicationException(String message) {
        super(message);
    }

    /** Creates the exception with its cause. */
    public CommunicationException(String message, Throwable cause) {
        super(message, cause);
    }
}
