package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.NpzFile;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** Pictures of an {@code .npz} file in ADM's form. */
final class NpzPictures implements PictureSource {
    static final String KEY = "arr_0";

    private final Path path;
    private final NpzFile file;
    private final Shape shape;

    private NpzPictures(Path path, NpzFile file, Shape shape) {
        this.path = path;
        this.file = file;
        this.shape = shape;
    }

    static NpzPictures open(Path path) throws IOException {
        NpzFile file = NpzFile.open(path);
        try {
            TensorSource array = file.tensor(KEY);
            Shape shape = array.shape();
            if (array.type() != TensorType.U8 || shape.dimension() != 4 || shape.get(3) != 3) {
                throw new CheckpointFormatException(
                        path, KEY + " must be uint8 of shape (N, H, W, 3) but is " + array.type() + " of " + shape);
            }
            if (shape.size() == 0 || shape.get(0) > Integer.MAX_VALUE || shape.size() / shape.get(0) > 1 << 28) {
                throw new CheckpointFormatException(
                        path, KEY + " of shape " + shape + " holds no pictures to evaluate");
            }
            return new NpzPictures(path, file, shape);
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public int size() {
        return Math.toIntExact(shape.get(0));
    }

    @Override
    public int height() {
        return Math.toIntExact(shape.get(1));
    }

    @Override
    public int width() {
        return Math.toIntExact(shape.get(2));
    }

    @Override
    public byte[] read(int first, int count) throws IOException {
        byte[] pixels = new byte[Math.multiplyExact(count, height() * width() * 3)];
        ByteBuffer target = ByteBuffer.wrap(pixels);
        file.rows(KEY, first, count).sendTo(target::put);
        return pixels;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
