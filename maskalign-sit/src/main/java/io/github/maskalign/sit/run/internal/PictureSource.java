package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.Resampler.CentreCrop;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/** Pictures of equal size in a fixed order, read in streams. */
public interface PictureSource extends AutoCloseable {
    /** Returns where the pictures are. */
    Path path();

    /** Returns their number, at least 1. */
    int size();

    /** Returns the rows of a picture in pixels. */
    int height();

    /** Returns the pixels of a row. */
    int width();

    /**
     * Reads some pictures.
     *
     * @return (count, H, W, 3) red, green, blue
     * @throws CheckpointFormatException if one is damaged, of another size or not red, green and blue
     */
    byte[] read(int first, int count) throws IOException;

    @Override
    void close() throws IOException;

    /** Returns what a size is called in messages and files. */
    default String resolution() {
        return width() + "x" + height();
    }

    /**
     * Opens pictures: an {@code .npz} file with {@code arr_0} (N, H, W, 3) of uint8, a folder of PNG and JPEG files, or a
     * run folder that holds {@code samples.npz} or a folder {@code samples}.
     *
     * @throws CheckpointFormatException if there are no pictures, or not such as can be evaluated
     */
    static PictureSource open(Path path) throws IOException {
        return open(path, 0);
    }

    /**
     * As {@link #open(Path)}, with each picture cropped to a square as ImageNet is, from whatever size it has.
     *
     * @param side side of the square in pixels; 0 leaves pictures as they are, which must all have one size then
     */
    static PictureSource open(Path path, int side) throws IOException {
        if (!Files.isDirectory(path)) {
            if (!Files.exists(path)) {
                throw new NoSuchFileException(path.toString());
            }
            return Cropped.of(NpzPictures.open(path), side);
        }
        if (!Files.exists(path.resolve("config.yaml"))) {
            return PictureFolder.open(path, side);
        }
        Path npz = path.resolve("samples.npz");
        Path folder = path.resolve("samples");
        if (Files.exists(npz)) {
            return Cropped.of(NpzPictures.open(npz), side);
        }
        if (Files.isDirectory(folder)) {
            return PictureFolder.open(folder, side);
        }
        throw new CheckpointFormatException(
                path.toString(),
                List.of("is a run without samples: there is neither samples.npz nor a folder samples; make them with"
                        + " 'maskalign sample', or name the file or folder that holds them"));
    }

    /**
     * Pictures cropped to squares when they are read.
     *
     * @param whole as they are; closed with this
     * @param side side of the squares
     */
    record Cropped(PictureSource whole, int side) implements PictureSource {
        /** Crops pictures, unless the side is 0 or theirs already. */
        static PictureSource of(PictureSource whole, int side) {
            boolean fits = whole.width() == side && whole.height() == side;
            return side == 0 || fits ? whole : new Cropped(whole, side);
        }

        @Override
        public Path path() {
            return whole.path();
        }

        @Override
        public int size() {
            return whole.size();
        }

        @Override
        public int height() {
            return side;
        }

        @Override
        public int width() {
            return side;
        }

        @Override
        public byte[] read(int first, int count) throws IOException {
            int bytes = 3 * side * side;
            byte[] out = new byte[Math.multiplyExact(count, bytes)];
            for (int i = 0; i < count; i++) { // one at a time, as they may be large
                Picture picture = Picture.of(whole.width(), whole.height(), whole.read(first + i, 1));
                System.arraycopy(CentreCrop.adm(picture, side).toInterleaved(), 0, out, i * bytes, bytes);
            }
            return out;
        }

        @Override
        public void close() throws IOException {
            whole.close();
        }
    }
}
