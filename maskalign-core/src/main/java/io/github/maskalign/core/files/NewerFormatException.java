package io.github.maskalign.core.files;

import java.nio.file.Path;

/** The file is whole, but a newer release wrote it in a format version that this one does not read. */
public final class NewerFormatException extends CheckpointFormatException {
    public NewerFormatException(Path file, long found, long newestKnown) {
        super(
                file,
                "it has format version " + found + " but this release reads up to version " + newestKnown
                        + "; use the release that wrote it, or a later one");
    }
}
