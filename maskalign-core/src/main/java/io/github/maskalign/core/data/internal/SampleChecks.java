package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.data.internal.Shard.SamplePart;
import io.github.maskalign.core.data.internal.ShardBuilder.Names;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/** The CRC-32C of every part of every sample, as the index has them, to be compared with what is read. */
final class SampleChecks {
    /** Sets of the first format have none: nothing is compared. */
    static final SampleChecks NONE = new SampleChecks(new EnumMap<>(SamplePart.class), null);

    private final Map<SamplePart, int[]> expected;
    private final @Nullable Names names;

    private SampleChecks(Map<SamplePart, int[]> expected, @Nullable Names names) {
        this.expected = expected;
        this.names = names;
    }

    /** Reads them from an index of samples that have these names. */
    static SampleChecks read(SafetensorsFile index, SampleLayout layout, Names names) throws IOException {
        Map<SamplePart, int[]> all = new EnumMap<>(SamplePart.class);
        for (SamplePart part : SamplePart.of(layout)) {
            all.put(part, ints(index, part.checksums(), names.size()));
        }
        return new SampleChecks(all, names);
    }

    static int[] ints(SafetensorsFile file, String tensor, int count) throws IOException {
        long[] found = file.longs(tensor);
        if (found.length != count) {
            throw new CheckpointFormatException(
                    file.path(), "there are " + found.length + " numbers in " + tensor + " for " + count + " samples");
        }
        int[] out = new int[count];
        for (int i = 0; i < count; i++) {
            out[i] = (int) found[i];
        }
        return out;
    }

    /** Tells whether there are any. */
    boolean present() {
        return names != null;
    }

    /**
     * Compares what was read.
     *
     * @param file where from
     * @param sample number of the sample in the set
     * @param bytes its part, from position to limit, which stay; of the tokens their checksums
     * @throws CheckpointFormatException if they are not what was written
     */
    void require(Path file, SamplePart part, int sample, ByteBuffer bytes) throws CheckpointFormatException {
        if (names != null) {
            int written = expected.getOrDefault(part, new int[0])[sample];
            require(
                    file,
                    part == SamplePart.TOKENS ? "checksums of the tokens" : part.toString(),
                    sample,
                    crc(bytes),
                    written);
        }
    }

    /** Compares one token with its checksum. */
    void requireToken(Path file, int sample, int token, int found, int written) throws CheckpointFormatException {
        require(file, "bytes of token " + token, sample, found, written);
    }

    private void require(Path file, String what, int sample, int found, int written) throws CheckpointFormatException {
        if (found != written && names != null) {
            throw new CheckpointFormatException(
                    file,
                    String.format(
                            Locale.ROOT,
                            "it is damaged: the %s of sample %s have the CRC-32C %08x but were written with %08x; put the"
                                    + " file back, or prepare the set again, which makes it anew",
                            what,
                            names.get(sample),
                            found,
                            written));
        }
    }

    /** Returns the CRC-32C of all bytes from position to limit, which stay. */
    static int crc(ByteBuffer bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes.duplicate());
        return (int) crc.getValue();
    }

    /** The CRC-32C of single tokens: of a token's bytes, followed by those of its scale where the layout has scales. */
    static final class TokenChecks {
        private TokenChecks() {}

        /** Returns the checksums of all tokens of a sample, (1+T) little-endian. */
        static ByteBuffer of(SampleLayout layout, ByteBuffer tokens, ByteBuffer scales) {
            int size = layout.tokenCode().bytes(layout.tokenWidth());
            ByteBuffer out =
                    ByteBuffer.allocate(layout.tokens() * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            CRC32C crc = new CRC32C();
            for (int t = 0; t < layout.tokens(); t++) {
                out.putInt(of(crc, tokens, t * size, size, scales(layout, scales), t));
            }
            return out.flip();
        }

        /** Returns the scales where the layout has any, and nothing where not. */
        static ByteBuffer scales(SampleLayout layout, ByteBuffer scales) {
            return layout.tokenCode() == FloatCode.INT8_PER_ROW ? scales : ByteBuffer.allocate(0);
        }

        /**
         * Returns the checksum of one token.
         *
         * @param crc is reset first
         * @param tokens bytes of tokens, of which this one begins {@code at}
         * @param scales the scales of all tokens; empty if there are none
         * @param token its number
         */
        static int of(CRC32C crc, ByteBuffer tokens, int at, int size, ByteBuffer scales, int token) {
            crc.reset();
            crc.update(tokens.array(), tokens.arrayOffset() + at, size);
            if (scales.limit() > 0) {
                crc.update(scales.array(), scales.arrayOffset() + token * Float.BYTES, Float.BYTES);
            }
            return (int) crc.getValue();
        }
    }
}
