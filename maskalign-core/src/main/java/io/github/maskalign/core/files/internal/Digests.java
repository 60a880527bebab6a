package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.TensorSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/** The checksums of a file: SHA-256 of all of it, CRC-32C of each tensor. */
public final class Digests {
    private final MessageDigest sha256 = newSha256();
    private final CRC32C crc = new CRC32C();
    private final Map<String, String> tensors = new LinkedHashMap<>();

    public void file(ByteBuffer bytes) {
        sha256.update(bytes);
    }

    public void beginTensor() {
        crc.reset();
    }

    public void tensor(ByteBuffer bytes) {
        crc.update(bytes);
    }

    public void endTensor(String name) {
        tensors.put(name, hex(crc));
    }

    /** Ends the computation and returns its result. */
    public String sha256() {
        return HexFormat.of().formatHex(sha256.digest());
    }

    public Map<String, String> tensorChecksums() {
        return tensors;
    }

    static String crc32c(TensorSource tensor) throws IOException {
        CRC32C crc = new CRC32C();
        tensor.sendTo(crc::update);
        return hex(crc);
    }

    /** Returns the SHA-256 of bytes as 64 lower-case hexadecimal digits. */
    public static String sha256(byte[] bytes) {
        return HexFormat.of().formatHex(newSha256().digest(bytes));
    }

    /** Returns the SHA-256 of a text in UTF-8 as 64 lower-case hexadecimal digits. */
    public static String sha256(String text) {
        return sha256(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Returns the SHA-256 of a file as 64 lower-case hexadecimal digits. */
    public static String sha256(Path file) throws IOException {
        return sha256(file, () -> {});
    }

    /**
     * Returns the SHA-256 of a file as 64 lower-case hexadecimal digits.
     *
     * @param afterPiece called after each MiB at most: it may rest, or throw to end the work
     */
    public static String sha256(Path file, Runnable afterPiece) throws IOException {
        if (Files.isDirectory(file)) { // which can be opened, and fails to be read without its name
            throw new CheckpointFormatException(file, "is a folder; name a file in it");
        }
        MessageDigest digest = newSha256();
        ByteBuffer chunk = ByteBuffer.allocate(1 << 20);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            while (channel.read(chunk.clear()) >= 0) {
                digest.update(chunk.flip());
                afterPiece.run();
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Returns the SHA-256 of the names and bytes of tensors, in the order of their names. */
    public static String sha256(Map<String, ? extends TensorSource> tensors) throws IOException {
        MessageDigest digest = newSha256();
        for (Map.Entry<String, ? extends TensorSource> tensor : new TreeMap<>(tensors).entrySet()) {
            digest.update((tensor.getKey() + "\0").getBytes(StandardCharsets.UTF_8));
            tensor.getValue().sendTo(digest::update);
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /**
     * Returns the SHA-256 of the names, sizes and times of a file, or of all files below a folder: it changes when one of
     * them does, though no file is read.
     */
    public static String listing(Path path) throws IOException {
        MessageDigest digest = newSha256();
        try (Stream<Path> found = Files.walk(path, FileVisitOption.FOLLOW_LINKS)) {
            for (Path file : found.filter(Files::isRegularFile).sorted().toList()) {
                String line = path.relativize(file) + " " + Files.size(file) + " "
                        + Files.getLastModifiedTime(file).toMillis() + "\n";
                digest.update(line.getBytes(StandardCharsets.UTF_8));
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static String hex(CRC32C crc) {
        return String.format(Locale.ROOT, "%08x", crc.getValue());
    }

    private static MessageDigest newSha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
