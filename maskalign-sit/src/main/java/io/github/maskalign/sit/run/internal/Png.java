package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.files.AtomicFile;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/**
 * A finished PNG file in memory.
 *
 * @param bytes the file
 * @param width width in pixels
 * @param height height in pixels
 */
public record Png(byte[] bytes, int width, int height) {
    static Png of(BufferedImage image) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
            if (!ImageIO.write(image, "png", out)) {
                throw new IllegalStateException("This Java runtime cannot write PNG files");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e); // memory does not fail
        }
        return new Png(bytes.toByteArray(), image.getWidth(), image.getHeight());
    }

    /**
     * Writes the file so that other processes, and the next start after a crash, see the old content or the
     * new one and nothing between. The folder is created if it is not there.
     *
     * @throws IOException if the file cannot be written; the old content is still there
     */
    public void write(Path file) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (folder != null) {
            Files.createDirectories(folder);
        }
        AtomicFile.write(file, bytes);
    }
}
