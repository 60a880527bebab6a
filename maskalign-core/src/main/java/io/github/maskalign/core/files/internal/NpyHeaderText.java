package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Parses the dictionary of an {@code .npy} header. Of Python's literals only what NumPy writes is understood: one
 * dictionary with the keys descr, fortran_order and shape, a string, True or False, a tuple of whole numbers.
 */
final class NpyHeaderText {
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
                .orElseThrow(() -> problem("describes elements " + shown(descr) + " but allowed are " + NpyType.ALLOWED
                        + " with < or > in front, or | where one byte has no order"));
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
