package io.github.maskalign.encoders.text.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A tensor that grows by rows in a temporary file, so that memory does not grow with it. */
final class SpooledRows implements TensorSource, AutoCloseable {
    private static final int CHUNK = 1 << 20; // a multiple of every element's size

    private final Path file;
    private final FileChannel channel;
    private final TensorType type;
    private final Shape row;
    private long rows;

    private SpooledRows(Path file, FileChannel channel, TensorType type, Shape row) {
        this.file = file;
        this.channel = channel;
        this.type = type;
        this.row = row;
    }

    /** Starts an empty tensor (0, row...) with a file in {@code folder} that goes when it is closed. */
    static SpooledRows in(Path folder, TensorType type, Shape row) throws IOException {
        Path file = Files.createTempFile(folder, ".encode-text-", ".tmp");
        FileChannel channel = FileChannel.open(
                file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE);
        return new SpooledRows(file, channel, type, row);
    }

    /** Appends all rows of an array (n, row...). */
    void append(NDArray array) throws IOException {
        TensorSource source = TensorSource.of(array);
        if (source.type() != type || !array.getShape().slice(1).equals(row)) {
            throw new IllegalArgumentException("rows must be " + type + " " + row + " but were " + source.type() + " "
                    + array.getShape().slice(1));
        }
        source.sendTo(chunk -> {
            while (chunk.hasRemaining()) {
                channel.write(chunk);
            }
        });
        rows += array.getShape().get(0);
    }

    @Override
    public TensorType type() {
        return type;
    }

    @Override
    public Shape shape() {
        return new Shape(rows).addAll(row);
    }

    @Override
    public void sendTo(Sink sink) throws IOException {
        ByteBuffer chunk = ByteBuffer.allocate(CHUNK);
        for (long at = 0; at < byteSize(); ) {
            chunk.clear().limit((int) Math.min(CHUNK, byteSize() - at));
            while (chunk.hasRemaining()) {
                if (channel.read(chunk, at + chunk.position()) < 0) {
                    throw new IOException(file + " was cut while it was in use");
                }
            }
            at += chunk.flip().limit();
            sink.accept(chunk);
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
