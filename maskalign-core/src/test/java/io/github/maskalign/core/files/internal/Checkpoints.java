package io.github.maskalign.core.files.internal;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Checkpoints with any pickle, to see what the reader makes of them. */
final class Checkpoints {
    private final ByteArrayOutputStream pickle = new ByteArrayOutputStream();
    private final boolean stream;

    /** Starts a pickle of protocol 2, for a zip. */
    Checkpoints() {
        this(false);
    }

    private Checkpoints(boolean stream) {
        this.stream = stream;
        op(0x80, 2);
    }

    /** Starts the same for the format before PyTorch 1.6. */
    static Checkpoints stream() {
        return new Checkpoints(true);
    }

    Checkpoints op(int... codes) {
        for (int code : codes) {
            pickle.write(code);
        }
        return this;
    }

    Checkpoints ops(String codes) {
        pickle.writeBytes(codes.getBytes(StandardCharsets.ISO_8859_1));
        return this;
    }

    Checkpoints name(String module, String name) {
        return ops("c" + module + "\n" + name + "\n");
    }

    Checkpoints text(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        return op('X').u32(utf8.length).raw(utf8);
    }

    Checkpoints integer(long value) {
        return op(0x8a, 8).u64(value);
    }

    Checkpoints integers(long... values) {
        op('(');
        for (long value : values) {
            integer(value);
        }
        return op('t');
    }

    /** A float storage {@code data/0} of so many elements. */
    Checkpoints storage(long count) {
        return storage("FloatStorage", count);
    }

    Checkpoints storage(String type, long count) {
        return storage("0", type, count);
    }

    Checkpoints storage(String key, String type, long count) {
        op('(').text("storage").name("torch", type).text(key).text("cpu").integer(count);
        return stream ? op('N', 't', 'Q') : op('t', 'Q');
    }

    /** A whole float tensor over {@code data/0}. */
    Checkpoints tensor(long count, long offset, long[] sizes, long[] strides) {
        return tensor("0", count, offset, sizes, strides);
    }

    Checkpoints tensor(String key, long count, long offset, long[] sizes, long[] strides) {
        name("torch._utils", "_rebuild_tensor_v2")
                .op('(')
                .storage(key, "FloatStorage", count)
                .integer(offset);
        integers(sizes).integers(strides).op(0x89).name("collections", "OrderedDict");
        return op(')', 'R', 't', 'R');
    }

    /** A whole contiguous tensor. */
    Checkpoints tensor(String key, String type, long count, long... sizes) {
        long[] strides = new long[sizes.length];
        long stride = 1;
        for (int i = sizes.length - 1; i >= 0; i--) {
            strides[i] = stride;
            stride *= sizes[i];
        }
        name("torch._utils", "_rebuild_tensor_v2")
                .op('(')
                .storage(key, type, count)
                .integer(0);
        integers(sizes).integers(strides).op(0x89).name("collections", "OrderedDict");
        return op(')', 'R', 't', 'R');
    }

    Checkpoints u32(long value) {
        return raw(ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt((int) value)
                .array());
    }

    Checkpoints u64(long value) {
        return raw(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(value)
                .array());
    }

    Checkpoints raw(byte[] bytes) {
        pickle.writeBytes(bytes);
        return this;
    }

    byte[] pickle() {
        return pickle.toByteArray();
    }

    /** Ends the pickle and returns the file, in which {@code data/0} has 24 bytes. */
    byte[] file() {
        op('.');
        return stream
                ? new Streams()
                        .content(pickle.toByteArray())
                        .storage("0", 6, new byte[24])
                        .bytes()
                : archive(pickle.toByteArray(), List.of(new byte[24]));
    }

    /** How messages begin that tell where something is in the pickle. */
    String place() {
        return stream ? "" : "data.pkl";
    }

    Path write(Path folder) throws IOException {
        return Files.write(folder.resolve("hostile.pt"), file());
    }

    static byte[] archive(byte[] pickle) {
        return archive(pickle, List.of());
    }

    static byte[] archive(byte[] pickle, List<byte[]> storages) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ZipWriter archive = new ZipWriter(Channels.newChannel(out), ZipWriter.Layout.TORCH);
        try {
            archive.entry("archive/data.pkl", pickle);
            for (int i = 0; i < storages.size(); i++) {
                archive.entry("archive/data/" + i, storages.get(i));
            }
            archive.entry("archive/version", "3\n".getBytes(StandardCharsets.US_ASCII));
            archive.finish();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }
}
