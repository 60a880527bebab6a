package io.github.maskalign.core.script.internal;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Writes the pickle operations (protocol 2) that checkpoints and TorchScript archives are made of. */
public final class PickleOutput {
    public static final int MARK = '(';
    public static final int TUPLE = 't';
    public static final int EMPTY_TUPLE = ')';
    public static final int EMPTY_DICT = '}';
    public static final int EMPTY_LIST = ']';
    public static final int APPENDS = 'e';
    public static final int SET_ITEMS = 'u';
    private static final int REDUCE = 'R';

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** Begins a pickle. */
    public PickleOutput() {
        op(0x80);
        out.write(2);
    }

    /** Ends the pickle and returns its bytes. */
    public byte[] finish() {
        op('.');
        return out.toByteArray();
    }

    /** Writes an operation without operands. */
    public PickleOutput op(int code) {
        out.write(code);
        return this;
    }

    /** Starts an object of a class of a TorchScript archive; its attributes follow until {@link #endObject}. */
    public void beginObject(String className) {
        name("__torch__", className);
        op(EMPTY_TUPLE).op(0x81).op(EMPTY_DICT).op(MARK); // NEWOBJ
    }

    /** Ends the object that was begun last. */
    public void endObject() {
        op(SET_ITEMS).op('b'); // BUILD
    }

    /** Writes a text, which must have no half of a surrogate pair. */
    public PickleOutput text(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        op('X');
        little(4, bytes.length);
        out.writeBytes(bytes);
        return this;
    }

    public PickleOutput bool(boolean value) {
        return op(value ? 0x88 : 0x89);
    }

    public PickleOutput integer(long value) {
        if (value == (int) value) {
            op('J');
            little(4, value);
        } else {
            op(0x8a).op(8); // LONG1
            little(8, value);
        }
        return this;
    }

    public void real(double value) {
        op('G');
        out.writeBytes(ByteBuffer.allocate(8).putDouble(value).array());
    }

    public void emptyOrderedDict() {
        name("collections", "OrderedDict");
        op(EMPTY_TUPLE).op(REDUCE);
    }

    /**
     * Writes a contiguous tensor whose bytes are the archive's record {@code data/RECORD}.
     *
     * @param storage class of {@code torch} that its storage has; null for an untyped one, which takes a dtype
     * @param count size of the storage, in elements or in bytes if it is untyped
     * @param dtype name of the type in {@code torch}, for an untyped storage alone
     */
    public void tensor(@Nullable String storage, int record, long count, long[] shape, @Nullable String dtype) {
        name("torch._utils", storage == null ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
        op(MARK).op(MARK);
        text("storage");
        name(storage == null ? "torch.storage" : "torch", storage == null ? "UntypedStorage" : storage);
        text(Integer.toString(record)).text("cpu").integer(count);
        op(TUPLE).op('Q'); // BINPERSID
        integer(0); // the offset
        integers(shape);
        integers(strides(shape));
        bool(false); // needs no gradient
        emptyOrderedDict(); // has no hooks
        if (storage == null && dtype != null) {
            name("torch", dtype);
        }
        op(TUPLE).op(REDUCE);
    }

    private static long[] strides(long[] shape) {
        long[] strides = new long[shape.length];
        long stride = 1;
        for (int i = strides.length - 1; i >= 0; i--) {
            strides[i] = stride;
            stride *= Math.max(1, shape[i]); // as PyTorch counts, so that no stride is 0
        }
        return strides;
    }

    private void integers(long[] values) {
        op(MARK);
        for (long value : values) {
            integer(value);
        }
        op(TUPLE);
    }

    private void name(String module, String name) {
        op('c');
        out.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private void little(int bytes, long value) {
        byte[] eight = ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(value)
                .array();
        out.write(eight, 0, bytes);
    }
}
