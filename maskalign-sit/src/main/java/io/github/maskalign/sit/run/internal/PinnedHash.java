package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.Digests;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Pattern;

/** Compares a file of weights with the SHA-256 it is pinned to, before anything reads it. */
public final class PinnedHash {
    private static final Pattern HEX = Pattern.compile("[0-9a-f]{64}");

    private PinnedHash() {}

    /**
     * Compares a file.
     *
     * @param expected its SHA-256, 64 hexadecimal digits
     * @throws IOException if it cannot be read or has another hash, which the message tells
     */
    public static void check(Path file, String expected) throws IOException {
        String found = Digests.sha256(file);
        String pin = expected.toLowerCase(Locale.ROOT);
        if (!HEX.matcher(pin).matches()) {
            throw new IllegalArgumentException(
                    "sha256 of " + file + " must be 64 hexadecimal digits but was '" + expected + "'");
        }
        if (!found.equals(pin)) {
            throw new CheckpointFormatException(
                    file,
                    "must have the SHA-256 " + pin + " but has " + found
                            + "; it is damaged or another version and was not opened");
        }
    }
}
