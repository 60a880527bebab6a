package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.NpyFile.NpyType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

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

    /**
     * Parses the dictionary of an {@code .npy} header. Of Python's literals only what NumPy writes is understood: one
     * dictionary with the keys descr, fortran_order and shape, a string, True or False, a tuple of whole numbers.
     */
    static final class NpyHeaderText {
        private static final int SHOWN_CHARS = 40;

        private final String text;
        private final String origin;
        private int at;

        private NpyHeaderText(String text, String origin) {
            this.text = text;
            this.origin = origin;
        }

        static NpyHeader parse(String text, String origin) throws CheckpointFormatException {
            return new NpyHeaderText(text, origin).header();
        }

        private NpyHeader header() throws CheckpointFormatException {
            NpyType type = null;
            Boolean fortran = null;
            Shape shape = null;
            expect('{');
            while (!skip('}')) {
                String key = string("a key");
                expect(':');
                switch (key) {
                    case "descr" -> {
                        requireFirst(type, key);
                        type = type();
                    }
                    case "fortran_order" -> {
                        requireFirst(fortran, key);
                        fortran = truth();
                    }
                    case "shape" -> {
                        requireFirst(shape, key);
                        shape = shape();
                    }
                    default -> throw problem("has the unknown key " + shown(key));
                }
                if (!skip(',')) {
                    expect('}');
                    break;
                }
            }
            skipSpace();
            if (at < text.length()) {
                throw problem("goes on after its end with " + shown(text.substring(at)));
            }
            if (type == null || fortran == null || shape == null) {
                throw problem("must have the keys descr, fortran_order and shape");
            }
            return new NpyHeader(type, fortran, shape, 0);
        }

        private NpyType type() throws CheckpointFormatException {
            skipSpace();
            if (at < text.length() && text.charAt(at) == '[') {
                throw problem("describes records with fields, which are no tensor");
            }
            String descr = string("descr");
            if (descr.endsWith("O")) {
                throw problem("describes Python objects, which would have to be unpickled and may run anything");
            }
            return NpyType.of(descr)
                    .orElseThrow(() -> problem("describes elements " + shown(descr) + " but allowed are "
                            + NpyType.ALLOWED + " with < or > in front, or | where one byte has no order"));
        }

        private boolean truth() throws CheckpointFormatException {
            skipSpace();
            for (String word : List.of("True", "False")) {
                if (text.startsWith(word, at)) {
                    at += word.length();
                    return word.equals("True");
                }
            }
            throw problem("must say True or False for fortran_order but says " + shown(text.substring(at)));
        }

        private Shape shape() throws CheckpointFormatException {
            expect('(');
            long[] counts = new long[NpyHeader.MAX_RANK];
            int rank = 0;
            while (!skip(')')) {
                if (rank == counts.length) {
                    throw problem("has a shape of more than " + counts.length + " dimensions");
                }
                counts[rank++] = count();
                if (!skip(',')) {
                    expect(')');
                    if (rank == 1) {
                        throw problem("must have a tuple for its shape, with a comma after a single number");
                    }
                    break;
                }
            }
            return new Shape(Arrays.copyOf(counts, rank));
        }

        private long count() throws CheckpointFormatException {
            skipSpace();
            int from = at;
            while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
                at++;
            }
            try {
                long count = Long.parseLong(text, from, at, 10);
                if (at < text.length() && text.charAt(at) == 'L') {
                    at++; // as Python 2 wrote long numbers
                }
                return count;
            } catch (NumberFormatException e) {
                throw problem("must have counts in [0, 2^63) for its shape but has " + shown(text.substring(from)));
            }
        }

        /** Names of types and keys have no escapes. */
        private String string(String what) throws CheckpointFormatException {
            skipSpace();
            char quote = at < text.length() ? text.charAt(at) : 0;
            int end = quote == '\'' || quote == '"' ? text.indexOf(quote, at + 1) : -1;
            if (end < 0 || text.substring(at, end).indexOf('\\') >= 0) {
                throw problem("must have a string for " + what + " but has " + shown(text.substring(at)));
            }
            String found = text.substring(at + 1, end);
            at = end + 1;
            return found;
        }

        private void expect(char wanted) throws CheckpointFormatException {
            if (!skip(wanted)) {
                throw problem("must have " + wanted + " at character " + at + " but has " + shown(text.substring(at)));
            }
        }

        private boolean skip(char wanted) {
            skipSpace();
            if (at < text.length() && text.charAt(at) == wanted) {
                at++;
                return true;
            }
            return false;
        }

        private void skipSpace() {
            while (at < text.length() && (text.charAt(at) == ' ' || text.charAt(at) == '\n')) {
                at++;
            }
        }

        private void requireFirst(@Nullable Object value, String key) throws CheckpointFormatException {
            if (value != null) {
                throw problem("has the key " + key + " twice");
            }
        }

        private CheckpointFormatException problem(String text) {
            return new CheckpointFormatException(origin, List.of("the header " + text));
        }

        private static String shown(String found) {
            StringBuilder out = new StringBuilder("'");
            found.chars().limit(SHOWN_CHARS).forEach(c -> out.append(c >= ' ' && c < 0x7f ? (char) c : '?'));
            return out + (found.length() > SHOWN_CHARS ? "…'" : "'");
        }
    }
}
