package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
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
        if (!Files.isDirectory(path)) {
            if (!Files.exists(path)) {
                throw new NoSuchFileException(path.toString());
            }
            return NpzPictures.open(path);
        }
        if (!Files.exists(path.resolve("config.yaml"))) {
            return PictureFolder.open(path);
        }
        Path npz = path.resolve("samples.npz");
        Path folder = path.resolve("samples");
        if (Files.exists(npz)) {
            return NpzPictures.open(npz);
        }
        if (Files.isDirectory(folder)) {
            return PictureFolder.open(folder);
        }
        throw new CheckpointFormatException(
                path.toString(),
                List.of("is a run without samples: there is neither samples.npz nor a folder samples; make them with"
                        + " 'maskalign sample', or name the file or folder that holds them"));
    }
}
