package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.internal.SampleChecks.TokenChecks;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.data.internal.ShardBuilder.Names;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.internal.SafetensorsHeader.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;

/** One open file that a {@link ShardBuilder} wrote. */
final class Shard implements AutoCloseable {
    private static final int PAGE = 4096; // what a disk reads at least

    private final SafetensorsFile file;
    private final SampleLayout layout;
    private final SampleChecks checks;
    private final int first;

    private Shard(SafetensorsFile file, SampleLayout layout, SampleChecks checks, int first) {
        this.file = file;
        this.layout = layout;
        this.checks = checks;
        this.first = first;
    }

    /** Opens a shard that must hold {@code count} samples of this layout; what is read of it is not compared. */
    static Shard open(Path path, SampleLayout layout, int count) throws IOException {
        return open(path, layout, count, SampleChecks.NONE, 0);
    }

    /**
     * Opens a shard.
     *
     * @param count how many samples it must hold
     * @param checks what everything read of it is compared with
     * @param first number of its first sample there
     */
    static Shard open(Path path, SampleLayout layout, int count, SampleChecks checks, int first) throws IOException {
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
            for (SamplePart part : SamplePart.of(layout)) {
                if (found.containsKey(part.checksums())) { // which the first format has not
                    long[] shape = part == SamplePart.TOKENS ? new long[] {count, layout.tokens()} : new long[] {count};
                    check(problems, found, part.checksums(), TensorType.U32, shape);
                }
            }
            if (!problems.isEmpty()) {
                throw new CheckpointFormatException(path.toString(), problems);
            }
            return new Shard(file, layout, checks, first);
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

    /** Returns the checksums of a part of all samples, for the index: those of tokens cover the tokens' own. */
    int[] checksums(SamplePart part, int count) throws IOException {
        if (part != SamplePart.TOKENS && file.tensors().containsKey(part.checksums())) {
            return SampleChecks.ints(file, part.checksums(), count);
        }
        int[] out = new int[count];
        for (int row = 0; row < count; row++) {
            out[row] = SampleChecks.crc(
                    switch (part) {
                        case MOMENTS -> moments(row);
                        case IMAGE -> row(ShardBuilder.IMAGE, row, layout.imageBytes());
                        case TOKENS -> tokenChecks(row);
                    });
        }
        return out;
    }

    /** The checksums of a sample's tokens: as stored, or computed from all of them where the first format stored none. */
    private ByteBuffer tokenChecks(int row) throws IOException {
        String tensor = SamplePart.TOKENS.checksums();
        if (file.tensors().containsKey(tensor)) {
            return row(tensor, row, layout.tokens() * Integer.BYTES);
        }
        ByteBuffer tokens = row(
                ShardBuilder.TOKENS, row, layout.tokens() * layout.tokenCode().bytes(layout.tokenWidth()));
        return TokenChecks.of(layout, tokens, scales(row));
    }

    /** The scales of a sample's tokens; empty where there are none. */
    private ByteBuffer scales(int row) throws IOException {
        return layout.tokenCode() == FloatCode.INT8_PER_ROW
                ? row(ShardBuilder.SCALE, row, layout.tokens() * Float.BYTES)
                : ByteBuffer.allocate(0);
    }

    private ByteBuffer moments(int row) throws IOException {
        return row(ShardBuilder.MOMENTS, row, layout.moments().bytes(layout.momentValues()));
    }

    void readMoments(int row, float[] target, int from) throws IOException {
        int values = layout.momentValues();
        ByteBuffer bytes = moments(row);
        checks.require(file.path(), SamplePart.MOMENTS, first + row, bytes);
        layout.moments().decode(bytes, 1, target, from, values);
    }

    void readImage(int row, byte[] target, int from) throws IOException {
        int size = layout.imageBytes();
        file.read(ShardBuilder.IMAGE, (long) row * size, ByteBuffer.wrap(target, from, size));
        checks.require(file.path(), SamplePart.IMAGE, first + row, ByteBuffer.wrap(target, from, size));
    }

    void readTokens(int row, float[] target, int from) throws IOException {
        readTokens(row, IntStream.range(0, layout.tokens()).toArray(), target, from);
    }

    /** Reads neighbouring tokens together, and those between them where that costs no page more. */
    void readTokens(int row, int[] chosen, float[] target, int from) throws IOException {
        FloatCode code = layout.tokenCode();
        int width = layout.tokenWidth();
        int size = code.bytes(width);
        ByteBuffer scales = scales(row);
        ByteBuffer written = checks.present() ? tokenChecks(row) : null;
        if (written != null) {
            checks.require(file.path(), SamplePart.TOKENS, first + row, written);
        }
        CRC32C crc = new CRC32C();
        for (int i = 0; i < chosen.length; ) {
            int start = chosen[i];
            int end = i + 1;
            while (end < chosen.length
                    && chosen[end] > chosen[end - 1]
                    && (chosen[end] - chosen[end - 1] - 1) * (long) size < PAGE) {
                end++;
            }
            long offset = ((long) row * layout.tokens() + start) * size;
            ByteBuffer bytes = bytes(ShardBuilder.TOKENS, offset, (chosen[end - 1] - start + 1) * size);
            for (; i < end; i++) {
                int token = chosen[i];
                int at = (token - start) * size;
                if (written != null) {
                    int found = TokenChecks.of(crc, bytes, at, size, scales, token);
                    checks.requireToken(file.path(), first + row, token, found, written.getInt(token * Integer.BYTES));
                }
                bytes.position(at);
                float scale = scales.limit() == 0 ? 1 : scales.getFloat(token * Float.BYTES);
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

    /** What of a sample is read on its own, and so has a checksum of its own. */
    enum SamplePart {
        /** Mean and standard deviation of the latent. */
        MOMENTS(ShardBuilder.MOMENTS),
        /** The picture. */
        IMAGE(ShardBuilder.IMAGE),
        /** The encoder's tokens, each with its scale where it has one. */
        TOKENS(ShardBuilder.TOKENS);

        private final String tensor;

        SamplePart(String tensor) {
            this.tensor = tensor;
        }

        /** Returns the name of the tensor of checksums, U32: (n), and in a shard (n, 1+T) for TOKENS. */
        String checksums() {
            return tensor + ".crc32c";
        }

        /** Returns what the samples of a layout have. */
        static List<SamplePart> of(SampleLayout layout) {
            List<SamplePart> parts = new ArrayList<>(List.of(MOMENTS));
            if (layout.imageSide() > 0) {
                parts.add(IMAGE);
            }
            if (layout.tokens() > 0) {
                parts.add(TOKENS);
            }
            return parts;
        }

        /** Returns the name as a message has it. */
        @Override
        public String toString() {
            return tensor;
        }
    }
}
