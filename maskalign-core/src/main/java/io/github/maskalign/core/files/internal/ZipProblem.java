package io.github.maskalign.core.files.internal;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Makes the exception that the format documents out of what is wrong with its zip file. */
@FunctionalInterface
public interface ZipProblem {
    /** Returns the exception for a problem, a sentence without the file's name, and what led to it if anything did. */
    IOException of(String problem, @Nullable Throwable cause);
}
