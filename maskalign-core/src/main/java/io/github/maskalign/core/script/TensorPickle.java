package io.github.maskalign.core.script;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Writes the few pickle opcodes (protocol 2) a TorchScript archive is made of. */
final class TensorPickle {
    private static final int EMPTY_TUPLE = ')';
    private static final int EMPTY_DICT = '}';
    private static final int MARK = '(';
    private static final int TUPLE = 't';
    private static final int REDUCE = 'R';

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    TensorPickle() {
        out.write(0x80);
        out.write(2);
    }

    /** Starts an object of a class of the archive; its attributes follow until {@link #endObject}. */
    TensorPickle beginObject(String className) {
        global("__torch__", className);
        out.write(EMPTY_TUPLE);
        out.write(0x81); // NEWOBJ
        out.write(EMPTY_DICT);
        out.write(MARK);
        return this;
    }

    TensorPickle endObject() {
        out.write('u'); // SETITEMS
        out.write('b'); // BUILD
        return this;
    }

    TensorPickle string(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.write('X');
        writeInt(bytes.length);
        out.writeBytes(bytes);
        return this;
    }

    TensorPickle bool(boolean value) {
        out.write(value ? 0x88 : 0x89);
        return this;
    }

    TensorPickle integer(long value) {
        if (value == (int) value) {
            out.write('J');
            writeInt((int) value);
        } else {
            out.write(0x8a); // LONG1
            out.write(8);
            out.writeBytes(ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(value)
                    .array());
        }
        return this;
    }

    /** Writes a contiguous tensor whose bytes are the archive's record {@code data/<record>}. */
    TensorPickle tensor(String storageClass, int record, long[] shape) {
        long numel = 1;
        for (long s : shape) {
            numel *= s;
        }
        global("torch._utils", "_rebuild_tensor_v2");
        out.write(MARK);
        out.write(MARK);
        string("storage");
        global("torch", storageClass);
        string(Integer.toString(record));
        string("cpu");
        integer(numel);
        out.write(TUPLE);
        out.write('Q'); // BINPERSID
        integer(0); // storage offset
        out.write(MARK);
        for (long s : shape) {
            integer(s);
        }
        out.write(TUPLE);
        out.write(MARK);
        long stride = numel;
        for (long s : shape) {
            stride = s == 0 ? stride : stride / s;
            integer(stride);
        }
        out.write(TUPLE);
        bool(false); // requires_grad
        global("collections", "OrderedDict");
        out.write(EMPTY_TUPLE);
        out.write(REDUCE);
        out.write(TUPLE);
        out.write(REDUCE);
        return this;
    }

    byte[] finish() {
        out.write('.');
        return out.toByteArray();
    }

    /** A pickled empty tuple: the constants of an archive that has none. */
    static byte[] emptyTuple() {
        TensorPickle pickle = new TensorPickle();
        pickle.out.write(EMPTY_TUPLE);
        return pickle.finish();
    }

    /** Pickles an object that has only booleans as attributes. */
    static byte[] flags(String className, Map<String, Boolean> attributes) {
        TensorPickle pickle = new TensorPickle().beginObject(className);
        attributes.forEach((key, value) -> pickle.string(key).bool(value));
        return pickle.endObject().finish();
    }

    private void global(String module, String name) {
        out.write('c');
        out.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private void writeInt(int value) {
        for (int shift = 0; shift < 32; shift += 8) {
            out.write(value >>> shift);
        }
    }
}
