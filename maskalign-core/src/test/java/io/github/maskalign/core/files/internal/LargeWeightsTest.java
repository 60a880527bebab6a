package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.internal.TorchFileWriter.PickleWriter;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files beyond 2 and 4 GiB. They are sparse: zeros take no place on the disk. */
@Tag("slow")
class LargeWeightsTest {
    private static final int TENSORS = 48;
    private static final long TENSOR_BYTES = 64L << 20;
    private static final long MOST_HEAP = 300L << 20;

    @TempDir
    Path folder;

    @Test
    void safetensorsOf3GiBTakesLittleHeap() throws Exception {
        Path file = folder.resolve("large.safetensors");
        StringBuilder header = new StringBuilder("{");
        for (int i = 0; i < TENSORS; i++) {
            header.append(i == 0 ? "" : ",")
                    .append("\"w")
                    .append(i)
                    .append("\":{\"dtype\":\"F32\",\"shape\":[4096,4096],\"data_offsets\":[")
                    .append(i * TENSOR_BYTES)
                    .append(',')
                    .append((i + 1) * TENSOR_BYTES)
                    .append("]}");
        }
        byte[] json = header.append('}').toString().getBytes(StandardCharsets.US_ASCII);
        try (SparseFile out = new SparseFile(file)) {
            out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, json.length));
            out.write(ByteBuffer.wrap(json));
            for (int i = 0; i < TENSORS; i++) {
                new Zeros(new Shape(4096, 4096)).sendTo(out::write);
            }
        }

        loadWithinBounds(file);
    }

    @Test
    void checkpointOf3GiBTakesLittleHeap() throws Exception {
        Path file = folder.resolve("large.pt");
        Map<String, TensorSource> tensors = new LinkedHashMap<>();
        for (int i = 0; i < TENSORS; i++) {
            tensors.put("w" + i, new Zeros(new Shape(4096, 4096)));
        }
        write(file, StateDict.ofTensors(tensors));

        loadWithinBounds(file);
    }

    @Test
    void checkpointBeyond4GiBIsWrittenAndRead() throws Exception {
        Path file = folder.resolve("zip64.pt");
        Map<String, TensorSource> tensors = new LinkedHashMap<>();
        tensors.put("first", TensorSource.of(new Shape(2), new float[] {1, 2}));
        tensors.put("large", new Zeros(new Shape(5, 1 << 28))); // 5 GiB: a storage whose size has more than 32 bits
        tensors.put("last", TensorSource.of(new Shape(2), new float[] {3, 4})); // a place that has more than 32 bits
        write(file, StateDict.ofTensors(tensors));

        try (WeightsFile weights = WeightsFile.open(file)) {
            StateDict state = weights.stateDict();
            assertThat(Files.size(file)).isGreaterThan(5L << 30);
            assertThat(state.get("first").floats()).containsExactly(1, 2);
            assertThat(state.get("last").floats()).containsExactly(3, 4);
            long[] count = {0};
            state.get("large").sendTo(chunk -> count[0] += chunk.remaining());
            assertThat(count[0]).isEqualTo(5L << 30);
        }
    }

    @Test
    void streamOf3GiBTakesLittleHeap() throws Exception {
        Path file = folder.resolve("old.pt");
        Checkpoints content = Checkpoints.stream().op('}', '(');
        for (int i = 0; i < TENSORS; i++) {
            content.text("w" + i).tensor("" + i, TENSOR_BYTES / 4, 0, new long[] {4096, 4096}, new long[] {4096, 1});
        }
        writeStream(file, content.op('u'), TENSORS, i -> new Zeros(new Shape(4096, 4096)));

        loadWithinBounds(file);
    }

    @Test
    void streamBeyond4GiBIsRead() throws Exception {
        Path file = folder.resolve("old.pt");
        long large = 5L << 28; // 5 GiB: a storage whose size has more than 32 bits
        Checkpoints content = Checkpoints.stream().op('}', '(');
        content.text("first").tensor("0", 2, 0, new long[] {2}, new long[] {1});
        content.text("large").tensor("1", large, 0, new long[] {5, 1 << 28}, new long[] {1 << 28, 1});
        content.text("end").tensor("1", large, large - 3, new long[] {3}, new long[] {1});
        content.text("last").tensor("2", 2, 0, new long[] {2}, new long[] {1});
        writeStream(file, content.op('u'), 3, i -> switch (i) {
            case 0 -> TensorSource.of(new Shape(2), new float[] {1, 2});
            case 1 -> new Zeros(new Shape(5, 1 << 28));
            default -> TensorSource.of(new Shape(2), new float[] {3, 4});
        });

        try (WeightsFile weights = WeightsFile.open(file)) {
            StateDict state = weights.stateDict();
            assertThat(Files.size(file)).isGreaterThan(5L << 30);
            assertThat(state.get("first").floats()).containsExactly(1, 2);
            assertThat(state.get("end").floats()).containsExactly(0, 0, 0);
            assertThat(state.get("last").floats()).containsExactly(3, 4);
            long[] count = {0};
            state.get("large").sendTo(chunk -> count[0] += chunk.remaining());
            assertThat(count[0]).isEqualTo(5L << 30);
        }
    }

    private static void writeStream(Path file, Checkpoints content, int storages, IntFunction<TensorSource> tensors)
            throws IOException {
        Checkpoints keys = new Checkpoints().op(']', '(');
        IntStream.range(0, storages).forEach(i -> keys.text("" + i));
        try (SparseFile out = new SparseFile(file)) {
            out.write(ByteBuffer.wrap(new Streams()
                    .content(Streams.pickle(content))
                    .with(4, Streams.pickle(keys.op('e')))
                    .head()));
            for (int i = 0; i < storages; i++) {
                TensorSource tensor = tensors.apply(i);
                ByteBuffer count = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
                out.write(count.putLong(0, tensor.shape().size()));
                tensor.sendTo(out::write);
            }
        }
    }

    private static void loadWithinBounds(Path file) throws IOException {
        assertThat(Files.size(file)).isGreaterThan(3L << 30);
        System.gc();
        List<MemoryPoolMXBean> heap = ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP)
                .toList();
        long before = used(heap.stream().mapToLong(pool -> pool.getUsage().getUsed()));
        heap.forEach(MemoryPoolMXBean::resetPeakUsage);
        try (NDManager manager = NDManager.newBaseManager();
                WeightsFile weights = WeightsFile.open(file)) {
            for (TensorSource tensor : weights.stateDict().tensors().values()) {
                try (NDArray array = tensor.read(manager)) {
                    assertThat(array.getShape()).isEqualTo(new Shape(4096, 4096));
                }
            }
        }
        long peak = used(heap.stream().mapToLong(pool -> pool.getPeakUsage().getUsed()));
        assertThat(peak - before).isLessThan(MOST_HEAP);
    }

    private static long used(LongStream pools) {
        return pools.sum();
    }

    private static void write(Path file, StateDict state) throws IOException {
        PickleWriter pickle = new PickleWriter();
        byte[] bytes = pickle.write(state);
        try (SparseFile out = new SparseFile(file)) {
            TorchFileWriter.write(out, bytes, pickle.tensors());
        }
    }

    /** A tensor of zeros, in pieces that {@link SparseFile} knows. */
    private record Zeros(Shape shape) implements TensorSource {
        private static final ByteBuffer PIECE = ByteBuffer.allocate(8 << 20).asReadOnlyBuffer();

        @Override
        public TensorType type() {
            return TensorType.F32;
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            for (long left = byteSize(); left > 0; left -= PIECE.capacity()) {
                sink.accept(PIECE.duplicate());
            }
        }
    }

    /** Leaves a hole where {@link Zeros} are written. */
    private record SparseFile(FileChannel channel) implements WritableByteChannel {
        SparseFile(Path file) throws IOException {
            this(FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
        }

        @Override
        public int write(ByteBuffer bytes) throws IOException {
            if (bytes.remaining() == Zeros.PIECE.capacity()) {
                channel.position(channel.position() + bytes.remaining());
                return Zeros.PIECE.capacity();
            }
            return channel.write(bytes);
        }

        @Override
        public boolean isOpen() {
            return channel.isOpen();
        }

        @Override
        public void close() throws IOException {
            if (channel.position() > channel.size()) { // ends with a hole
                channel.position(channel.position() - 1);
                channel.write(ByteBuffer.allocate(1));
            }
            channel.close();
        }
    }
}
