package io.github.maskalign.core.script.internal;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.script.ScriptFunction;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Arrays side by side in one block of the host's memory for each element type, so that one copy brings all of a type to a
 * device.
 *
 * <p>Any thread may make a block, without the device, and another may {@link #unpack} it. On the CPU the arrays are views of the
 * block, and nothing is copied. For a GPU the block is page-locked, which lets its copy run while the host goes on: the
 * copy is only queued, in the order of the device's work. Nobody has to wait before such a block is closed: the engine's
 * allocator of page-locked memory notes each copy and gives freed memory out again only after it, so the same few blocks
 * serve a whole run.
 *
 * <p>Each array begins at a multiple of 64 bytes, as an array of its own would, so sums run in the same order.
 */
public final class PackedArrays implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PackedArrays.class);
    private static final ScriptFunction PINNED = ScriptFunction.of(PackedArrays.class, "packed.py", "pinned");
    private static final ScriptFunction UNPACK = ScriptFunction.of(PackedArrays.class, "packed.py", "unpack");
    private static final AtomicBoolean WARNED = new AtomicBoolean();

    private static final int ALIGNMENT = 64;
    /** The most that a Java buffer shows of a block. */
    private static final long LARGEST_BLOCK = Integer.MAX_VALUE;

    private final NDManager manager;
    private final List<Block> blocks;
    private final List<String> order;

    /** Arrays of one type: their names, their elements, and where among them each array is, see {@code packed.py}. */
    private record Block(List<String> names, NDArray elements, long[] layout) {}

    private PackedArrays(NDManager manager, List<Block> blocks, List<String> order) {
        this.manager = manager;
        this.blocks = blocks;
        this.order = order;
    }

    /** Starts without an array. */
    public static Builder builder() {
        return new Builder(LARGEST_BLOCK);
    }

    /** Starts without an array; blocks have at most so many bytes, or are one array. */
    static Builder builder(long largestBlock) {
        return new Builder(largestBlock);
    }

    /**
     * Brings the arrays to the device of a manager, which owns them; their memory lives as long as anything uses it. The
     * block may be closed at once.
     *
     * @return the arrays by name, in the order in which they were added
     */
    public Map<String, NDArray> unpack(NDManager owner) {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        try (GradMode values = GradMode.off();
                NDManager scratch = owner.newSubManager()) {
            boolean gpu = owner.getDevice().isGpu();
            Map<String, NDArray> found = new HashMap<>();
            for (Block block : blocks) {
                NDArray like = gpu ? scratch.create(new Shape(0), DataType.UINT8) : block.elements;
                try (NDArray layout = manager.create(block.layout)) {
                    NDList parts = UNPACK.callOn(owner, block.elements, layout, like);
                    for (int i = 0; i < parts.size(); i++) {
                        found.put(block.names.get(i), parts.get(i));
                    }
                }
            }
            for (String name : order) {
                arrays.put(name, Objects.requireNonNull(found.get(name), name));
            }
        }
        return arrays;
    }

    /** Returns the number of copies that {@link #unpack} makes on a GPU. */
    int blocks() {
        return blocks.size();
    }

    /** Frees the blocks; arrays on the CPU that are still open keep theirs. */
    @Override
    public void close() {
        manager.close();
    }

    /** Collects arrays. The Java arrays are read by {@link #pack} and must not change before. */
    public static final class Builder {
        private final long largestBlock;
        private final Map<String, Part> parts = new LinkedHashMap<>();

        private record Part(Shape shape, DataType type, Filler filler) {
            long bytes() {
                return shape.size() * type.getNumOfBytes();
            }
        }

        /** Writes an array's bytes. */
        @FunctionalInterface
        private interface Filler {
            void fill(ByteBuffer memory);
        }

        private Builder(long largestBlock) {
            this.largestBlock = largestBlock;
        }

        /** Adds a FLOAT32 array. */
        public Builder add(String name, Shape shape, float[] values) {
            return add(
                    name,
                    shape,
                    DataType.FLOAT32,
                    values.length,
                    m -> m.asFloatBuffer().put(values));
        }

        /**
         * Adds a FLOAT32 array whose values {@link #pack} asks for.
         *
         * @param filler writes all elements, row-major, into the block's memory; any position may be left behind
         */
        public Builder add(String name, Shape shape, Consumer<FloatBuffer> filler) {
            return add(
                    name,
                    shape,
                    DataType.FLOAT32,
                    Math.toIntExact(shape.size()),
                    m -> filler.accept(m.asFloatBuffer()));
        }

        /** Adds a FLOAT64 array. */
        public Builder add(String name, Shape shape, double[] values) {
            return add(
                    name,
                    shape,
                    DataType.FLOAT64,
                    values.length,
                    m -> m.asDoubleBuffer().put(values));
        }

        /** Adds an INT64 array. */
        public Builder add(String name, Shape shape, long[] values) {
            return add(
                    name,
                    shape,
                    DataType.INT64,
                    values.length,
                    m -> m.asLongBuffer().put(values));
        }

        /** Adds a UINT8 array. */
        public Builder add(String name, Shape shape, byte[] values) {
            return add(name, shape, DataType.UINT8, values.length, m -> m.put(values));
        }

        private Builder add(String name, Shape shape, DataType type, int count, Filler filler) {
            if (shape.size() != count) {
                throw new IllegalArgumentException(name + " of shape " + shape + " has " + shape.size()
                        + " elements but " + count + " values were given");
            }
            Part part = new Part(shape, type, filler);
            if (part.bytes() > LARGEST_BLOCK) {
                throw new IllegalArgumentException("an array must have less than 2 GiB but " + name + " of shape "
                        + shape + " has " + part.bytes() + " bytes");
            }
            if (parts.putIfAbsent(name, part) != null) {
                throw new IllegalArgumentException("there are two arrays of the name " + name);
            }
            return this;
        }

        /**
         * Copies the arrays into blocks, one for each type unless that has 2 GiB or more.
         *
         * @param device where they will be needed: for a GPU the blocks are page-locked
         */
        public PackedArrays pack(Device device) {
            NDManager manager = Engine.getEngine("PyTorch").newBaseManager(Device.cpu());
            try {
                List<Block> blocks = new ArrayList<>();
                for (DataType type : List.of(DataType.FLOAT32, DataType.FLOAT64, DataType.INT64, DataType.UINT8)) {
                    for (List<String> names : groups(type)) {
                        blocks.add(block(manager, type, names, device));
                    }
                }
                return new PackedArrays(manager, List.copyOf(blocks), List.copyOf(parts.keySet()));
            } catch (RuntimeException | Error e) {
                manager.close();
                throw e;
            }
        }

        /** Returns the arrays of a type that go into each block. */
        private List<List<String>> groups(DataType type) {
            List<List<String>> groups = new ArrayList<>();
            long end = 0;
            for (Map.Entry<String, Part> entry : parts.entrySet()) {
                Part part = entry.getValue();
                if (part.type != type) {
                    continue;
                }
                if (groups.isEmpty() || aligned(end) + part.bytes() > largestBlock) {
                    groups.add(new ArrayList<>());
                    end = 0;
                }
                groups.get(groups.size() - 1).add(entry.getKey());
                end = aligned(end) + part.bytes();
            }
            return groups;
        }

        private Block block(NDManager manager, DataType type, List<String> names, Device device) {
            int width = type.getNumOfBytes();
            long[] firsts = new long[names.size()];
            long end = 0;
            for (int i = 0; i < firsts.length; i++) {
                firsts[i] = aligned(end);
                end = firsts[i] + part(names.get(i)).bytes();
            }
            NDArray elements = memory(manager, end / width, type, device);
            LongStream.Builder layout = LongStream.builder();
            ByteBuffer memory = end == 0 ? ByteBuffer.allocate(0) : elements.toByteBuffer(true);
            for (int i = 0; i < firsts.length; i++) {
                Part part = part(names.get(i));
                part.filler.fill(
                        memory.slice((int) firsts[i], (int) part.bytes()).order(ByteOrder.nativeOrder()));
                layout.add(firsts[i] / width).add(part.shape.size()).add(part.shape.dimension());
                LongStream.of(part.shape.getShape()).forEach(layout::add);
            }
            return new Block(List.copyOf(names), elements, layout.build().toArray());
        }

        private Part part(String name) {
            return Objects.requireNonNull(parts.get(name), name);
        }

        private static NDArray memory(NDManager manager, long size, DataType type, Device device) {
            if (device.isGpu()) {
                try {
                    return PINNED.callOn(manager, size, code(type)).singletonOrThrow();
                } catch (EngineException e) {
                    if (WARNED.compareAndSet(false, true)) {
                        LOG.warn("there is no page-locked memory, so copies to the GPU wait for it: {}", e.toString());
                    }
                }
            }
            return manager.create(new Shape(size), type);
        }

        private static long aligned(long end) {
            return (end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        }

        /** PyTorch's number of an element type. */
        private static int code(DataType type) {
            return switch (type) {
                case UINT8 -> 0;
                case INT64 -> 4;
                case FLOAT32 -> 6;
                case FLOAT64 -> 7;
                default -> throw new IllegalArgumentException("arrays of type " + type + " are not packed");
            };
        }
    }
}
