package io.github.maskalign.core.data.internal;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/** The CRC-32C of single tokens: of a token's bytes, followed by those of its scale where the layout has scales. */
final class TokenChecks {
    private TokenChecks() {}

    /** Returns the checksums of all tokens of a sample, (1+T) little-endian. */
    static ByteBuffer of(SampleLayout layout, ByteBuffer tokens, ByteBuffer scales) {
        int size = layout.tokenCode().bytes(layout.tokenWidth());
        ByteBuffer out = ByteBuffer.allocate(layout.tokens() * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
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
