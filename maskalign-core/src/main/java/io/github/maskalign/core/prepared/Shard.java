package io.github.maskalign.core.prepared;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.io.CheckpointFormatException;
import io.github.maskalign.core.io.SafetensorsFile;
import io.github.maskalign.core.io.TensorInfo;
import io.github.maskalign.core.io.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** One open file that a {@link ShardBuilder} wrote. */
final class Shard implements AutoCloseable {
    private static final int PAGE = 4096; // what a disk reads at least

    private final SafetensorsFile file;
    private final SampleLayout layout;

    private Shard(SafetensorsFile file, SampleLayout layout) {
        this.file = file;
        this.layout = layout;
    }

    /** Opens a shard that must hold {@code count} samples of this layout. */
    static Shard open(Path path, SampleLayout layout, int count) throws IOException {
        SafetensorsFile file = SafetensorsFile.open(path);
        try {
            List<String> problems = new ArrayList<>();
            Map<String, TensorInfo> found = file.tensors();
            check(problems, found, ShardBuilder.LABEL, TensorType.I32, count);
            check(problems, found, Names.endsOf(ShardBuilder.NAME), TensorType.I64, count);
            check(
                    problems,
                    found,
                    ShardBuilder.MOMENTS,
                    layout.moments().type(),
                    count,
                    2L * layout.channels(),
                    layout.side(),
                    layout.side());
            if (layout.imageSide() > 0) {
                check(
                        problems,
                        found,
                        ShardBuilder.IMAGE,
                        TensorType.U8,
                        count,
                        3,
                        layout.imageSide(),
                        layout.imageSide());
            }
            if (layout.tokens() > 0) {
                TensorType type = layout.tokenCode().type();
                check(problems, found, ShardBuilder.TOKENS, type, count, layout.tokens(), layout.tokenWidth());
                if (layout.tokenCode() == FloatCode.INT8_PER_ROW) {
                    check(problems, found, ShardBuilder.SCALE, TensorType.F32, count, layout.tokens());
                }
            }
            if (!problems.isEmpty()) {
                throw new CheckpointFormatException(path.toString(), problems);
            }
            return new Shard(file, layout);
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private static void check(
            List<String> problems, Map<String, TensorInfo> found, String name, TensorType type, long... shape) {
        TensorInfo info = found.get(name);
        if (info == null) {
            problems.add("there is no tensor " + name);
        } else if (info.type() != type || !info.shape().equals(new Shape(shape))) {
            problems.add("tensor " + name + " must be " + type + " " + new Shape(shape) + " but is " + info.type() + " "
                    + info.shape());
        }
    }

    Map<String, String> metadata() {
        return file.metadata();
    }

    long[] labels() throws IOException {
        return file.longs(ShardBuilder.LABEL);
    }

    Names names(int count) throws IOException {
        return Names.read(file, ShardBuilder.NAME, count);
    }

    void readMoments(int row, float[] target, int from) throws IOException {
        int values = layout.momentValues();
        ByteBuffer bytes = row(ShardBuilder.MOMENTS, row, layout.moments().bytes(values));
        layout.moments().decode(bytes, 1, target, from, values);
    }

    void readImage(int row, byte[] target, int from) throws IOException {
        int size = layout.imageBytes();
        file.read(ShardBuilder.IMAGE, (long) row * size, ByteBuffer.wrap(target, from, size));
    }

    void readTokens(int row, float[] target, int from) throws IOException {
        readTokens(row, IntStream.range(0, layout.tokens()).toArray(), target, from);
    }

    /** Reads neighbouring tokens together, and those between them where that costs no page more. */
    void readTokens(int row, int[] chosen, float[] target, int from) throws IOException {
        FloatCode code = layout.tokenCode();
        int width = layout.tokenWidth();
        int size = code.bytes(width);
        ByteBuffer scales =
                code == FloatCode.INT8_PER_ROW ? row(ShardBuilder.SCALE, row, layout.tokens() * Float.BYTES) : null;
        for (int i = 0; i < chosen.length; ) {
            int first = chosen[i];
            int end = i + 1;
            while (end < chosen.length
                    && chosen[end] > chosen[end - 1]
                    && (chosen[end] - chosen[end - 1] - 1) * (long) size < PAGE) {
                end++;
            }
            long start = ((long) row * layout.tokens() + first) * size;
            ByteBuffer bytes = bytes(ShardBuilder.TOKENS, start, (chosen[end - 1] - first + 1) * size);
            for (; i < end; i++) {
                bytes.position((chosen[i] - first) * size);
                float scale = scales == null ? 1 : scales.getFloat(chosen[i] * Float.BYTES);
                code.decode(bytes, scale, target, from + i * width, width);
            }
        }
    }

    private ByteBuffer row(String tensor, int row, int bytes) throws IOException {
        return bytes(tensor, (long) row * bytes, bytes);
    }

    private ByteBuffer bytes(String tensor, long start, int count) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
        file.read(tensor, start, buffer);
        return buffer.flip();
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
