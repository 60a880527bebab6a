package io.github.maskalign.core.files.internal;

/** What to do with a class that a checkpoint names and that {@link KnownNames} does not list. Neither loads it. */
public enum Unknown {
    /** The file is refused; the message names the class. */
    REFUSE,
    /** Objects of the class become {@link TorchValue.Opaque}: the name stays, the content is skipped. */
    OPAQUE
}
