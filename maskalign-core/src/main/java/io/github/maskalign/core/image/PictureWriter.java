package io.github.maskalign.core.image;

import io.github.maskalign.core.files.AtomicFile;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Writes pictures as 8-bit RGB PNG files.
 *
 * <p>A file appears complete or not at all, see {@link AtomicFile}. The same picture gives the same bytes with the same
 * version of zlib.
 */
public final class PictureWriter {
    private PictureWriter() {}

    /** How the pixels of a PNG file are packed. */
    public enum Packing {
        /** Not at all: three bytes a pixel, quick to write and to read; REPA's prepared pictures are like this. */
        STORED,
        /** The filter that looks best for each row, and zlib's usual effort. */
        DEFLATED
    }

    /**
     * Replaces or creates a PNG file; its folder must exist.
     *
     * @throws IOException if it cannot be written; what was there before is unchanged
     */
    public static void write(Path file, Picture picture, Packing packing) throws IOException {
        AtomicFile.write(file, png(picture, packing));
    }

    /** Returns the bytes of a PNG file. */
    public static byte[] png(Picture picture, Packing packing) {
        return PngEncoder.encode(picture, packing);
    }
}
