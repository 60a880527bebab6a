package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.StringJoiner;

/**
 * What stands before the elements of an {@code .npy} file: {@code \x93NUMPY}, the version, a length and a dictionary.
 *
 * <p>Source: NumPy Enhancement Proposal 1 and numpy.lib.format, versions 1.0, 2.0 and 3.0.
 *
 * @param fortran whether the first index runs fastest
 * @param dataStart where the elements begin
 */
public record NpyHeader(NpyType type, boolean fortran, Shape shape, long dataStart) {
    static final int MAX_BYTES = 64 << 10;
    static final int MAX_RANK = 32;

    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    private static final int ALIGNMENT = 64;
    private static final int MAX_SHORT_LENGTH = 0xffff;

    /** NumPy leaves room for the first count of the shape to grow to any 64-bit number. */
    private static final int ROOM_FOR_COUNT = 21;

    /** Reads the header of an array of which {@code size} bytes are there, itself included. */
    public static NpyHeader read(ByteSupply in, long size, String origin) throws IOException {
        if (size < MAGIC.length + 4) {
            throw problem(origin, "an .npy file has at least 10 bytes but this one has " + size);
        }
        ByteBuffer start = bytes(in, 0, 8);
        byte[] magic = new byte[MAGIC.length];
        start.get(magic);
        if (!Arrays.equals(magic, MAGIC)) {
            throw problem(origin, "an .npy file must begin with the bytes 93 'NUMPY'");
        }
        int major = start.get() & 0xff;
        int minor = start.get() & 0xff;
        if (major < 1 || major > 3 || minor != 0) {
            throw problem(origin, "the version of an .npy file must be 1.0, 2.0 or 3.0 but is " + major + "." + minor);
        }
        int lengthBytes = major == 1 ? 2 : 4;
        long textStart = 8L + lengthBytes;
        if (size < textStart) {
            throw problem(origin, "the file is cut off in its header");
        }
        ByteBuffer number = bytes(in, 8, lengthBytes);
        long length = major == 1 ? Short.toUnsignedLong(number.getShort()) : Integer.toUnsignedLong(number.getInt());
        if (length > MAX_BYTES) {
            throw problem(origin, "the header must have at most " + MAX_BYTES + " bytes but has " + length);
        }
        if (length > size - textStart) {
            throw problem(
                    origin,
                    "the header has " + length + " bytes but the file ends " + (size - textStart)
                            + " bytes after its start");
        }
        String text = (major == 3 ? StandardCharsets.UTF_8 : StandardCharsets.ISO_8859_1)
                .decode(bytes(in, textStart, (int) length))
                .toString();
        return NpyHeaderText.parse(text, origin).at(textStart + length).requireData(size, origin);
    }

    /** Returns the bytes that NumPy writes before little-endian elements in C order. */
    public static ByteBuffer bytes(String descr, Shape shape) {
        StringJoiner counts = new StringJoiner(", ", "(", shape.dimension() == 1 ? ",)" : ")");
        for (long count : shape.getShape()) {
            counts.add(Long.toString(count));
        }
        StringBuilder text =
                new StringBuilder("{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + counts + ", }");
        if (shape.dimension() > 0) {
            text.append(" ".repeat(ROOM_FOR_COUNT - Long.toString(shape.get(0)).length()));
        }
        boolean wide = text.length() + 1 + ALIGNMENT > MAX_SHORT_LENGTH;
        int before = MAGIC.length + 2 + (wide ? 4 : 2);
        text.append(" ".repeat(ALIGNMENT - (before + text.length() + 1) % ALIGNMENT))
                .append('\n');
        ByteBuffer out = ByteBuffer.allocate(before + text.length()).order(ByteOrder.LITTLE_ENDIAN);
        out.put(MAGIC).put((byte) (wide ? 2 : 1)).put((byte) 0);
        if (wide) {
            out.putInt(text.length());
        } else {
            out.putShort((short) text.length());
        }
        return out.put(text.toString().getBytes(StandardCharsets.US_ASCII)).flip();
    }

    /** Returns the number of bytes of the elements. */
    public long dataSize() {
        return shape.size() * elementBytes();
    }

    int elementBytes() {
        return type.type().bits() / 8;
    }

    private NpyHeader at(long start) {
        return new NpyHeader(type, fortran, shape, start);
    }

    private NpyHeader requireData(long size, String origin) throws CheckpointFormatException {
        long left = size - dataStart;
        long needed = elementBytes();
        try {
            for (long count : shape.getShape()) {
                needed = Math.multiplyExact(needed, count);
            }
        } catch (ArithmeticException e) {
            throw problem(origin, "an array of shape " + shape + " has 2^63 bytes or more");
        }
        if (needed > left) {
            throw problem(
                    origin,
                    "an array of type " + type.type() + " and shape " + shape + " has " + needed + " bytes but " + left
                            + " are there");
        }
        return this;
    }

    private static ByteBuffer bytes(ByteSupply in, long position, int count) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
        in.read(position, bytes);
        return bytes.flip();
    }

    private static CheckpointFormatException problem(String origin, String text) {
        return new CheckpointFormatException(origin, List.of(text));
    }
}
