package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A finished PNG file in memory.
 *
 * @param bytes the file
 * @param width width in pixels
 * @param height height in pixels
 */
public record Png(byte[] bytes, int width, int height) {
    static Png of(Picture picture) {
        byte[] bytes = PictureWriter.png(picture, PictureWriter.Packing.DEFLATED);
        return new Png(bytes, picture.width(), picture.height());
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
