package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.TensorType;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The header of a safetensors file: 8 bytes with its length N (little-endian), N bytes of JSON, then the data.
 *
 * <p>All rules of the reference reader hold, and these on top: no duplicate keys, no unknown fields of a tensor, at
 * most 100,000 tensors and as many metadata entries, rank at most 8, names of at most 512 bytes without control
 * characters, and a configurable limit of N.
 */
public record SafetensorsHeader(Map<String, String> metadata, Map<String, TensorInfo> tensors, long dataStart) {
    public static final int DEFAULT_MAX_BYTES = 16 << 20;
    public static final int LARGEST_MAX_BYTES = 100_000_000;
    static final int MAX_TENSORS = 100_000;
    static final int MAX_RANK = 8;
    static final int MAX_NAME_BYTES = 512;
    public static final String METADATA = "__metadata__";

    public static SafetensorsHeader read(Path file, FileChannel channel, int maxBytes) throws IOException {
        long fileSize = channel.size();
        if (fileSize < 8) {
            throw new CheckpointFormatException(
                    file, "a safetensors file has at least 8 bytes but this one has " + fileSize);
        }
        long length = read(file, channel, 0, 8).getLong();
        if (length < 0 || length > maxBytes) {
            throw new CheckpointFormatException(
                    file,
                    "the header must have at most " + maxBytes + " bytes but has " + Long.toUnsignedString(length)
                            + " (the first 8 bytes of the file)");
        }
        if (length > fileSize - 8) {
            throw new CheckpointFormatException(
                    file,
                    "the header has " + length + " bytes but the file ends " + (fileSize - 8)
                            + " bytes after its start");
        }
        return parse(file, read(file, channel, 8, (int) length), fileSize - 8 - length);
    }

    /** Parses the JSON of a header that {@code dataSize} bytes of data follow. */
    static SafetensorsHeader parse(Path file, ByteBuffer json, long dataSize) throws CheckpointFormatException {
        long dataStart = 8L + json.remaining();
        Map<String, String> metadata = new LinkedHashMap<>();
        List<TensorInfo> found = new ArrayList<>();
        StrictJson.readObject(
                file,
                json,
                "the header",
                reader -> reader.object("the header", MAX_TENSORS + 1, name -> {
                    if (name.equals(METADATA)) {
                        metadata.putAll(reader.strings(METADATA, MAX_TENSORS));
                    } else {
                        found.add(tensor(reader, name));
                    }
                }));
        if (found.size() > MAX_TENSORS) {
            throw new CheckpointFormatException(file, "the header must name at most " + MAX_TENSORS + " tensors");
        }
        found.sort(Comparator.comparingLong(TensorInfo::begin).thenComparingLong(TensorInfo::end));
        Map<String, TensorInfo> tensors = tiled(file, found, dataSize);
        return new SafetensorsHeader(
                Collections.unmodifiableMap(metadata), Collections.unmodifiableMap(tensors), dataStart);
    }

    private static TensorInfo tensor(StrictJson reader, String name) throws IOException {
        String broken = nameProblem(name);
        if (broken != null) {
            throw reader.problem(broken);
        }
        String tensor = "tensor " + StrictJson.quote(name);
        Fields fields = new Fields();
        reader.object(tensor, 3, field -> {
            switch (field) {
                case "dtype" -> fields.type = type(reader, tensor, reader.string(tensor + " dtype"));
                case "shape" -> fields.shape = counts(reader, tensor + " shape", MAX_RANK);
                case "data_offsets" -> fields.offsets = counts(reader, tensor + " data_offsets", 2);
                default ->
                    throw reader.problem(tensor + " has the unknown field " + StrictJson.quote(field)
                            + "; allowed are dtype, shape and data_offsets");
            }
        });
        TensorType type = fields.type;
        long[] shape = fields.shape;
        long[] offsets = fields.offsets;
        if (type == null || shape == null || offsets == null) {
            throw reader.problem(tensor + " must have a dtype, a shape and data_offsets");
        }
        if (offsets.length != 2 || offsets[0] > offsets[1]) {
            throw reader.problem(
                    tensor + " data_offsets must be [begin, end] with begin <= end but is " + Arrays.toString(offsets));
        }
        long size = type.byteSize(shape);
        if (size != offsets[1] - offsets[0]) {
            throw reader.problem(tensor + " of type " + type + " and shape " + Arrays.toString(shape) + " has "
                    + (size < 0 ? "no whole number of bytes below 2^63" : size + " bytes") + " but data_offsets "
                    + Arrays.toString(offsets) + " give it " + (offsets[1] - offsets[0]));
        }
        return new TensorInfo(name, type, new Shape(shape), offsets[0], offsets[1]);
    }

    /** The data must be covered without hole and overlap, up to the end of the file. */
    private static Map<String, TensorInfo> tiled(Path file, List<TensorInfo> sorted, long dataSize)
            throws CheckpointFormatException {
        Map<String, TensorInfo> tensors = new LinkedHashMap<>();
        long position = 0;
        for (TensorInfo t : sorted) {
            if (t.begin() != position) {
                throw new CheckpointFormatException(
                        file,
                        t.describe() + " begins at " + t.begin() + " but the data before it ends at " + position
                                + ": tensors must lie side by side, without hole or overlap");
            }
            position = t.end();
            tensors.put(t.name(), t);
        }
        if (position != dataSize) {
            throw new CheckpointFormatException(
                    file,
                    "the tensors have " + position + " bytes but the file has " + dataSize
                            + " bytes of data: it was cut off or something was appended");
        }
        return tensors;
    }

    /** Returns what is wrong with a tensor's name, or null. */
    public static @Nullable String nameProblem(String name) {
        if (name.getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
            return "the name of a tensor must have at most " + MAX_NAME_BYTES + " bytes: " + StrictJson.quote(name);
        }
        if (name.chars().anyMatch(Character::isISOControl)) {
            return "the name of a tensor must not have control characters: " + StrictJson.quote(name);
        }
        return null;
    }

    private static TensorType type(StrictJson reader, String tensor, String name) throws CheckpointFormatException {
        for (TensorType type : TensorType.values()) {
            if (type.name().equals(name)) {
                return type;
            }
        }
        Set<TensorType> all = EnumSet.allOf(TensorType.class);
        throw reader.problem(tensor + " has the unknown dtype " + StrictJson.quote(name) + "; allowed are "
                + all.stream().map(TensorType::name).collect(Collectors.joining(", ")));
    }

    private static long[] counts(StrictJson reader, String where, int max) throws IOException {
        long[] values = new long[max];
        int[] count = {0};
        reader.array(where, () -> {
            if (count[0] == max) {
                throw reader.problem(where + " must have at most " + max + " numbers");
            }
            values[count[0]++] = reader.count(where);
        });
        return Arrays.copyOf(values, count[0]);
    }

    private static ByteBuffer read(Path file, FileChannel channel, long position, int size) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        try {
            FileBytes.fill(channel, position, bytes);
        } catch (EOFException e) {
            throw new CheckpointFormatException(file, "the file became shorter while it was read", e);
        }
        return bytes.flip();
    }

    /** A tensor's fields, in whatever order they come. */
    private static final class Fields {
        @Nullable
        TensorType type;

        long @Nullable [] shape;
        long @Nullable [] offsets;
    }

    /**
     * What the header of a safetensors file says about one tensor.
     *
     * @param name the tensor's name
     * @param type the type of its elements
     * @param shape its shape; rank 0 for a single number, a 0 in it for an empty tensor
     * @param begin where its bytes begin, counted from the end of the header
     * @param end the position after its last byte
     */
    public record TensorInfo(String name, TensorType type, Shape shape, long begin, long end) {
        /** Returns the number of bytes. */
        public long byteSize() {
            return end - begin;
        }

        public String describe() {
            return "tensor " + StrictJson.quote(name);
        }
    }
}
