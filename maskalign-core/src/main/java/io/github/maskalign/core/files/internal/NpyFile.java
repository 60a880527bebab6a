package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.internal.ZipWriter.CountedSink;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An open {@code .npy} file: its header is checked and in memory, elements are read when they are asked for.
 *
 * <p>Versions 1.0 to 3.0, whole numbers, floats, complex64 and booleans, both byte orders, C and Fortran order (the
 * latter held in memory while it is transposed). Bytes behind the array are left alone, as NumPy does. Opening a file
 * that breaks a rule throws {@link io.github.maskalign.core.files.CheckpointFormatException}; Python objects and records
 * are refused.
 *
 * <p>All methods may be called by several threads at once.
 */
public final class NpyFile implements AutoCloseable {
    private final FileChannel channel;
    private final NpyArray array;

    private NpyFile(FileChannel channel, NpyArray array) {
        this.channel = channel;
        this.array = array;
    }

    /** Opens a file. */
    public static NpyFile open(Path path) throws IOException {
        String origin = path.toString();
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        try {
            ByteSupply bytes = new ByteSupply.OfFile(channel, 0, origin);
            NpyHeader header = NpyHeader.read(bytes, channel.size(), origin);
            return new NpyFile(channel, new NpyArray(header, bytes, () -> bytes, origin));
        } catch (IOException | RuntimeException | Error e) {
            channel.close();
            throw e;
        }
    }

    /**
     * Replaces or creates a file, complete or not at all, see {@link AtomicFile}, byte for byte as {@code numpy.save}
     * does with an array in C order.
     *
     * @throws IllegalArgumentException if NumPy has no such type, as for BF16
     */
    public static void write(Path file, TensorSource tensor) throws IOException {
        String descr = NpyType.descr(tensor.type());
        AtomicFile.write(file, out -> new CountedSink(out).accept(NpyHeader.bytes(descr, tensor.shape()), tensor));
    }

    /** Returns the type of the elements. */
    public TensorType type() {
        return array.header().type().type();
    }

    /** Returns the shape; rank 0 for a single number. */
    public Shape shape() {
        return array.header().shape();
    }

    /** Returns the whole array, read when it is needed; the file must be open then. */
    public TensorSource tensor() {
        return array.tensor();
    }

    /**
     * Returns rows [from, from + count): a part along the first dimension, of which nothing else is read.
     *
     * @throws IllegalArgumentException if they are not all there, or the array is a single number
     */
    public TensorSource rows(long from, long count) {
        return array.rows(from, count);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    /**
     * An array in a file: its header, and two ways to its bytes.
     *
     * @param shared for some rows; reading on where it stopped is cheap
     * @param opener for the whole, front to back, with its checksum where there is one
     */
    public record NpyArray(NpyHeader header, ByteSupply shared, Opener opener, String origin) {
        /** Opens the bytes for one pass. */
        @FunctionalInterface
        public interface Opener {
            ByteSupply open() throws IOException;
        }

        public TensorSource tensor() {
            return new NpyTensor(this, header.shape(), 0, true);
        }

        public TensorSource rows(long from, long count) {
            Shape shape = header.shape();
            if (shape.dimension() == 0) {
                throw new IllegalArgumentException(origin + " is a single number and has no rows");
            }
            if (from < 0 || count < 0 || from > shape.get(0) - count) {
                throw new IllegalArgumentException(
                        origin + ": rows [" + from + ", " + (from + count) + ") must be among its " + shape.get(0));
            }
            long[] counts = shape.getShape().clone();
            counts[0] = count;
            return new NpyTensor(this, new Shape(counts), from, false);
        }

        /** Returns the number of bytes of one row. */
        long rowBytes() {
            Shape shape = header.shape();
            long bytes = header.elementBytes();
            for (int d = 1; d < shape.dimension(); d++) {
                bytes *= shape.get(d);
            }
            return bytes;
        }

        /** Tells whether the elements lie in an order other than C's; with one dimension there is but one. */
        boolean isTransposed() {
            return header.fortran()
                    && header.shape().dimension() > 1
                    && header.shape().size() > 0;
        }
    }

    /**
     * Rows [first, first + shape[0]) of a NumPy array, or all of it, as a tensor in C order and little-endian bytes.
     *
     * @param array what is in the file
     * @param shape what is read of it
     */
    record NpyTensor(NpyArray array, Shape shape, long first, boolean whole) implements TensorSource {
        private static final int CHUNK_BYTES = 1 << 20;

        @Override
        public TensorType type() {
            return array.header().type().type();
        }

        @Override
        public String origin() {
            return array.origin();
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            ByteSupply bytes = whole ? array.opener().open() : array.shared();
            try {
                if (array.isTransposed()) {
                    sendTransposed(bytes, sink);
                } else {
                    sendInOrder(bytes, sink);
                }
                if (whole) {
                    bytes.finish();
                }
            } finally {
                if (whole) {
                    bytes.close();
                }
            }
        }

        private void sendInOrder(ByteSupply bytes, Sink sink) throws IOException {
            long rowBytes = array.rowBytes();
            long position = array.header().dataStart() + first * rowBytes;
            FileBytes.send(bytes::read, position, position + byteSize(), chunk -> {
                swap(chunk);
                sink.accept(chunk);
            });
        }

        /** The whole array is in memory for this: each row has its elements all over the file. */
        private void sendTransposed(ByteSupply bytes, Sink sink) throws IOException {
            long size = array.header().dataSize();
            if (size > Integer.MAX_VALUE - 8) {
                throw new CheckpointFormatException(
                        origin(),
                        List.of("an array in Fortran order must have less than 2 GiB but has " + size
                                + " bytes; save it with numpy.ascontiguousarray"));
            }
            ByteBuffer in = ByteBuffer.allocate((int) size);
            bytes.read(array.header().dataStart(), in);
            int element = array.header().elementBytes();
            long[] counts = array.header().shape().getShape();
            long[] strides = new long[counts.length];
            long stride = element;
            for (int d = 0; d < counts.length; d++) {
                strides[d] = stride;
                stride *= counts[d];
            }
            long elements = shape.size();
            ByteBuffer chunk = ByteBuffer.allocate((int) Math.min(CHUNK_BYTES, elements * element))
                    .order(ByteOrder.LITTLE_ENDIAN);
            long[] index = new long[counts.length];
            index[0] = first;
            long from = first * strides[0];
            for (long i = 0; i < elements; i++) {
                chunk.put(in.array(), (int) from, element);
                for (int d = counts.length - 1; d >= 0; d--) {
                    from += strides[d];
                    if (++index[d] < counts[d]) {
                        break;
                    }
                    from -= strides[d] * counts[d];
                    index[d] = 0;
                }
                if (!chunk.hasRemaining() || i == elements - 1) {
                    chunk.flip();
                    swap(chunk);
                    sink.accept(chunk);
                    chunk.clear();
                }
            }
        }

        private void swap(ByteBuffer chunk) {
            int width = array.header().type().swappedBytes();
            if (!array.header().type().bigEndian() || width == 1) {
                return;
            }
            byte[] bytes = chunk.array();
            for (int at = 0; at < chunk.limit(); at += width) {
                for (int i = at, j = at + width - 1; i < j; i++, j--) {
                    byte b = bytes[i];
                    bytes[i] = bytes[j];
                    bytes[j] = b;
                }
            }
        }
    }

    /** NumPy's names of element types, such as {@code <f4}. */
    public record NpyType(TensorType type, boolean bigEndian) {
        static final String ALLOWED = "b1, i1, i2, i4, i8, u1, u2, u4, u8, f2, f4, f8 and c8";

        /** Returns the type of a {@code descr}, if it is one that a tensor can have. */
        static Optional<NpyType> of(String descr) {
            if (descr.length() != 3) {
                return Optional.empty();
            }
            char order = descr.charAt(0);
            Optional<TensorType> type = Arrays.stream(TensorType.values())
                    .filter(t -> descr.substring(1).equals(kind(t)))
                    .findFirst();
            boolean oneByte = type.filter(t -> t.bits() == 8).isPresent();
            if (order != '<' && order != '>' && !(order == '|' && oneByte)) {
                return Optional.empty();
            }
            return type.map(t -> new NpyType(t, order == '>' && !oneByte));
        }

        /** Returns the {@code descr} of little-endian elements. */
        public static String descr(TensorType type) {
            String kind = kind(type);
            if (kind == null) {
                throw new IllegalArgumentException("NumPy has no type for " + type + "; it has " + ALLOWED);
            }
            return (type.bits() == 8 ? "|" : "<") + kind;
        }

        /** Returns how many bytes change places when the byte order does: half an element for a complex number. */
        int swappedBytes() {
            return type == TensorType.C64 ? 4 : type.bits() / 8;
        }

        private static @Nullable String kind(TensorType type) {
            return switch (type) {
                case BOOL -> "b1";
                case I8 -> "i1";
                case U8 -> "u1";
                case I16 -> "i2";
                case I32 -> "i4";
                case I64 -> "i8";
                case U16 -> "u2";
                case U32 -> "u4";
                case U64 -> "u8";
                case F16 -> "f2";
                case F32 -> "f4";
                case F64 -> "f8";
                case C64 -> "c8";
                default -> null;
            };
        }
    }
}
