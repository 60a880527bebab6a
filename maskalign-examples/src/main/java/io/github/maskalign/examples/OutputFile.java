package io.github.maskalign.examples;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Looks at where a result will go before hours of work, not after. */
final class OutputFile {
    private OutputFile() {}

    /** Refuses a folder in place of a file; does nothing for null. */
    static void refuseFolder(@Nullable Path file) {
        if (file != null && Files.isDirectory(file)) {
            throw CommandFailure.badInput(file + " is a folder; name a file in it");
        }
    }

    /** Refuses a folder in place of a file, and a file in a folder that is not there; does nothing for null. */
    static void requireFolder(@Nullable Path file) {
        refuseFolder(file);
        Path parent = file == null ? null : file.toAbsolutePath().getParent();
        if (parent != null && !Files.isDirectory(parent)) {
            throw CommandFailure.badInput("the folder of " + file + " does not exist");
        }
    }
}
