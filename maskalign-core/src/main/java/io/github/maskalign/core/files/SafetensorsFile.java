package io.github.maskalign.core.files;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.internal.FileBytes;
import io.github.maskalign.core.files.internal.SafetensorsHeader;
import io.github.maskalign.core.files.internal.SafetensorsHeader.TensorInfo;
import io.github.maskalign.core.files.internal.StrictJson;
import io.github.maskalign.core.files.internal.TorchFile.Sections;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An open safetensors file: its header is checked and in memory, tensors are read when they are asked for.
 *
 * <p>Opening enforces every rule of the format (https://github.com/huggingface/safetensors): header length, strict
 * JSON, types and shapes that agree with the offsets, tensors side by side from the first byte of the data to the
 * last of the file. A file that breaks one is refused with {@link CheckpointFormatException}. Opening takes memory
 * for the header only; reading takes the tensor and one MiB. NaN and infinity are values like others.
 *
 * <p>All methods may be called by several threads at once.
 */
public final class SafetensorsFile implements Sections.Bare {
    private final Path path;
    private final FileChannel channel;
    private final SafetensorsHeader header;

    private SafetensorsFile(Path path, FileChannel channel, SafetensorsHeader header) {
        this.path = path;
        this.channel = channel;
        this.header = header;
    }

    /** Opens a file whose header has at most 16 MiB. */
    public static SafetensorsFile open(Path path) throws IOException {
        return open(path, SafetensorsHeader.DEFAULT_MAX_BYTES);
    }

    /** Opens a file whose header has at most {@code maxHeaderBytes}, in [2, 100,000,000]. */
    public static SafetensorsFile open(Path path, int maxHeaderBytes) throws IOException {
        if (maxHeaderBytes < 2 || maxHeaderBytes > SafetensorsHeader.LARGEST_MAX_BYTES) {
            throw new IllegalArgumentException("maxHeaderBytes must be in [2, " + SafetensorsHeader.LARGEST_MAX_BYTES
                    + "] but was " + maxHeaderBytes);
        }
        if (Files.isDirectory(path)) { // which can be opened, and fails to be read without its name
            throw new CheckpointFormatException(path, "is a folder; name a file in it");
        }
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        try {
            return new SafetensorsFile(path, channel, SafetensorsHeader.read(path, channel, maxHeaderBytes));
        } catch (IOException | RuntimeException | Error e) {
            channel.close();
            throw e;
        }
    }

    @Override
    public Path path() {
        return path;
    }

    /** Returns the texts stored with the tensors, in the order of the file. */
    @Override
    public Map<String, String> metadata() {
        return header.metadata();
    }

    /** Returns all tensors by name, in the order of their data. */
    public Map<String, TensorInfo> tensors() {
        return header.tensors();
    }

    /** Returns a tensor that is read when it is needed; the file must be open then. */
    public TensorSource tensor(String name) throws CheckpointFormatException {
        return new FileTensor(this, info(name));
    }

    /** Returns all tensors; the file must be open when they are read. */
    @Override
    public StateDict stateDict() {
        Map<String, TensorSource> sources = new LinkedHashMap<>();
        tensors().forEach((name, info) -> sources.put(name, new FileTensor(this, info)));
        return new StateDict(path.toString(), sources);
    }

    /**
     * Maps the bytes of a tensor into memory, read-only and little-endian. The buffer stays valid after {@code close}.
     * Each call makes a mapping that ends when the buffer is collected; the file must not be cut off before.
     *
     * @throws CheckpointFormatException when there is no such tensor or it has 2 GiB or more
     */
    public ByteBuffer data(String name) throws IOException {
        TensorInfo info = info(name);
        if (info.byteSize() > Integer.MAX_VALUE) {
            throw new CheckpointFormatException(
                    path,
                    info.describe() + " must have less than 2 GiB to be mapped but has " + info.byteSize() + " bytes");
        }
        if (info.byteSize() == 0) {
            return ByteBuffer.allocate(0).asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
        }
        return channel.map(FileChannel.MapMode.READ_ONLY, header.dataStart() + info.begin(), info.byteSize())
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Fills a buffer with bytes of a tensor, little-endian, from {@code offset} of its own bytes on.
     *
     * @throws CheckpointFormatException when there is no such tensor, it ends before the buffer is full, or the file
     *     became shorter since it was opened
     */
    public void read(String name, long offset, ByteBuffer target) throws IOException {
        TensorInfo info = info(name);
        if (offset < 0 || target.remaining() > info.byteSize() - offset) {
            throw new CheckpointFormatException(
                    path,
                    info.describe() + " has " + info.byteSize() + " bytes but " + target.remaining() + " from " + offset
                            + " were asked for");
        }
        try {
            FileBytes.fill(channel, header.dataStart() + info.begin() + offset, target);
        } catch (EOFException e) {
            throw new CheckpointFormatException(path, "the file became shorter while it was read", e);
        }
    }

    /** Returns an F32, F16, BF16 or F64 tensor as float32, see {@link TensorSource#floats()}. */
    public float[] floats(String name) throws IOException {
        return tensor(name).floats();
    }

    /** Returns a tensor of integers or booleans, see {@link TensorSource#longs()}. */
    public long[] longs(String name) throws IOException {
        return tensor(name).longs();
    }

    /** Returns a tensor as a new array that owns its memory, see {@link TensorSource#read(NDManager)}. */
    public NDArray read(String name, NDManager manager) throws IOException {
        return tensor(name).read(manager);
    }

    @Override
    public String format() {
        return "safetensors";
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    private TensorInfo info(String name) throws CheckpointFormatException {
        TensorInfo info = header.tensors().get(name);
        if (info == null) {
            throw new CheckpointFormatException(
                    path,
                    "there is no tensor " + StrictJson.quote(name) + " among its "
                            + header.tensors().size());
        }
        return info;
    }

    private record FileTensor(SafetensorsFile file, TensorInfo info) implements TensorSource {
        @Override
        public TensorType type() {
            return info.type();
        }

        @Override
        public Shape shape() {
            return info.shape();
        }

        @Override
        public String origin() {
            return file.path + ", " + info.describe();
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            // Plain reads: a file cut off meanwhile is an exception, where touching a mapping of it is a fault.
            FileBytes.send(this::read, info.begin(), info.end(), sink);
        }

        @Override
        public void readInto(ByteBuffer target) throws IOException {
            read(info.begin(), target);
        }

        private void read(long position, ByteBuffer target) throws IOException {
            try {
                FileBytes.fill(file.channel, file.header.dataStart() + position, target);
            } catch (EOFException e) {
                throw new CheckpointFormatException(
                        origin(), List.of("the file became shorter while it was read (" + e.getMessage() + ")"));
            }
        }
    }
}
