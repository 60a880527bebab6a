package io.github.maskalign.encoders;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;
import java.util.regex.Pattern;

/** Compares a file with the SHA-256 it is pinned to, before anything interprets it. */
public final class PinnedHash {
    private static final Pattern HEX = Pattern.compile("[0-9a-f]{64}");
    private static final int CHUNK = 1 << 20;

    private PinnedHash() {}

    /**
     * Compares a file.
     *
     * @param expected its SHA-256, 64 hexadecimal digits
     * @throws IOException if it cannot be read or has another hash, which the message tells
     */
    public static void check(Path file, String expected) throws IOException {
        MessageDigest digest = sha256();
        try (InputStream in = Files.newInputStream(file)) {
            byte[] chunk = new byte[CHUNK];
            for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
                digest.update(chunk, 0, n);
            }
        }
        compare(file.toString(), digest.digest(), expected);
    }

    static void check(String name, byte[] bytes, String expected) throws IOException {
        compare(name, sha256().digest(bytes), expected);
    }

    private static void compare(String name, byte[] digest, String expected) throws IOException {
        String pin = expected.toLowerCase(Locale.ROOT);
        if (!HEX.matcher(pin).matches()) {
            throw new IllegalArgumentException(
                    "sha256 of " + name + " must be 64 hexadecimal digits but was '" + expected + "'");
        }
        String found = HexFormat.of().formatHex(digest);
        if (!found.equals(pin)) {
            throw new IOException(name + " must have the SHA-256 " + pin + " but has " + found
                    + "; it is damaged or another version and was not opened");
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
