package io.github.maskalign.examples.natives;

import io.github.maskalign.core.files.AtomicFile;
import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.jar.JarEntry;
import java.util.zip.CRC32;

/**
 * One library in a jar.
 *
 * @param name its name once unpacked
 * @param source where it is
 * @param size its bytes, as the jar's directory says
 * @param crc its CRC-32, likewise
 */
record NativeFile(String name, URL source, long size, long crc) {
    private static final int CHUNK = 1 << 20;

    /** Looks a resource up; empty if there is none, or if it is in no jar. */
    static Optional<NativeFile> find(ClassLoader loader, String resource, String name) throws IOException {
        URL url = loader.getResource(resource);
        if (url == null || !(url.openConnection() instanceof JarURLConnection connection)) {
            return Optional.empty();
        }
        JarEntry entry = connection.getJarEntry();
        return entry == null || entry.getSize() < 0 || entry.getCrc() < 0
                ? Optional.empty()
                : Optional.of(new NativeFile(name, url, entry.getSize(), entry.getCrc()));
    }

    /** Unpacks it into a folder, where it appears complete or not at all. */
    void unpackTo(Path folder) throws IOException {
        Path target = folder.resolve(name);
        AtomicFile.write(target, out -> {
            CRC32 sum = new CRC32();
            long count = 0;
            try (InputStream in = source.openStream()) {
                byte[] chunk = new byte[CHUNK];
                for (int read = in.read(chunk); read >= 0; read = in.read(chunk)) {
                    sum.update(chunk, 0, read);
                    count += read;
                    out.write(ByteBuffer.wrap(chunk, 0, read));
                }
            }
            if (count != size || sum.getValue() != crc) {
                throw new IOException(source + " is damaged");
            }
        });
    }

    /** Returns what is wrong with an unpacked library, by its size and then by its bytes; empty if nothing is. */
    Optional<String> damage(Path folder) throws IOException {
        Path file = folder.resolve(name);
        long found = Files.size(file);
        if (found != size) {
            return Optional.of("has " + found + " bytes but " + size + " in its jar");
        }
        CRC32 sum = new CRC32();
        try (InputStream in = Files.newInputStream(file)) {
            byte[] chunk = new byte[CHUNK];
            for (int read = in.read(chunk); read >= 0; read = in.read(chunk)) {
                sum.update(chunk, 0, read);
            }
        }
        return sum.getValue() == crc ? Optional.empty() : Optional.of("has other bytes than in its jar");
    }
}
