package io.github.maskalign.core.files.internal;

import static io.github.maskalign.core.files.CheckpointFormatException.quote;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.internal.PickleObjects.KnownNames.Meaning;
import io.github.maskalign.core.files.internal.PickleObjects.KnownNames.Role;
import io.github.maskalign.core.files.internal.TensorRebuild.Storages.StorageRecord;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Makes tensors of what a checkpoint says about them: the storage they lie in, the offset, sizes and strides, counted in
 * elements. Everything is compared with the size of the stored entry before there is a tensor; what does not fit is an
 * {@link IllegalStateException} with the reason.
 */
final class TensorRebuild {
    static final int MAX_RANK = 8;

    /** Views that repeat elements may be larger than the file, but not by any amount. */
    private static final long MAX_REPEATED_BYTES = 256L << 20;

    private final Storages storages;
    private long repeatedBytes;

    TensorRebuild(Storages storages) {
        this.storages = storages;
    }

    /** Whether the file is of the older format, which stores the classes of modules beside tensors. */
    boolean isStream() {
        return storages.hasViews();
    }

    /** Understands {@code ("storage", type, key, location, count)}, and a view as sixth where the file has it. */
    TorchValue storage(TorchValue id) {
        List<TorchValue> parts = PickleObjects.tuple(id);
        if (parts.size() != (storages.hasViews() ? 6 : 5)
                || !(parts.get(0) instanceof TorchValue.Text kind
                        && kind.value().equals("storage"))
                || !(parts.get(1) instanceof TorchValue.Opaque storage
                        && storage.meaning() instanceof Meaning meaning
                        && meaning.role() == Role.STORAGE)
                || !(parts.get(2) instanceof TorchValue.Text key)
                || !(parts.get(3) instanceof TorchValue.Text)) {
            throw new IllegalStateException(
                    "what is stored outside of the pickle must be a known storage, told as (\"storage\", type, key, location, count)");
        }
        TensorType type = meaning.type();
        long count = number(parts.get(4), "the size of a storage");
        int elementBytes = type == null ? 1 : elementBytes(type);
        StorageRecord whole = storages.find(key.value(), type, count, elementBytes);
        return new TorchValue.Opaque(
                storage.className(),
                storages.hasViews() && !(parts.get(5) instanceof TorchValue.None)
                        ? view(whole, parts.get(5), count, elementBytes)
                        : whole);
    }

    /** Understands {@code (key, offset, count)}, a part of a storage: PyTorch knew such until version 0.4. */
    private static StorageRecord view(StorageRecord whole, TorchValue view, long count, int elementBytes) {
        List<TorchValue> parts = PickleObjects.tuple(view);
        if (parts.size() != 3 || !(parts.get(0) instanceof TorchValue.Text key)) {
            throw new IllegalStateException("a part of a storage must be told as (key, offset, count)");
        }
        long offset = number(parts.get(1), "the offset of a part of a storage");
        long size = number(parts.get(2), "the size of a part of a storage");
        if (offset > count || size > count - offset) {
            throw new IllegalStateException("a part of " + size + " elements from " + offset
                    + " on must lie in its storage of " + count + " elements");
        }
        return new StorageRecord(
                key.value(),
                whole.type(),
                () -> whole.begin().getAsLong() + offset * elementBytes,
                size * elementBytes);
    }

    /** Understands {@code (storage, offset, sizes, strides, ...)}, with the element type as seventh if {@code typed}. */
    TorchValue rebuild(List<TorchValue> arguments, boolean typed) {
        int least = typed ? 7 : 4;
        if (arguments.size() < least
                || !(arguments.get(0) instanceof TorchValue.Opaque opaque
                        && opaque.meaning() instanceof StorageRecord storage)) {
            throw new IllegalStateException("a tensor must be made of a storage, an offset, sizes and strides");
        }
        int rest = typed ? 7 : 6;
        if (arguments.size() > rest
                && !(arguments.get(rest) instanceof TorchValue.Dict flags
                        && flags.entries().isEmpty())
                && !(arguments.get(rest) instanceof TorchValue.None)) {
            throw new IllegalStateException("a conjugated or negated view of a tensor is not read here;"
                    + " call .resolve_conj().resolve_neg() and save again");
        }
        TensorType type = typed ? dtype(arguments.get(6)) : storage.type();
        if (type == null) {
            throw new IllegalStateException("a tensor must have an element type");
        }
        long offset = number(arguments.get(1), "the offset of a tensor");
        long[] sizes = numbers(arguments.get(2), "the size of a tensor");
        long[] strides = numbers(arguments.get(3), "the stride of a tensor");
        requireInside(storage, type, offset, sizes, strides);
        return new TorchValue.Tensor(new StoredTensor(
                storages.file(),
                "storage " + quote(storage.key()),
                type,
                new Shape(sizes),
                new StoredTensor.Layout(storage.begin(), offset, strides)));
    }

    private void requireInside(StorageRecord storage, TensorType type, long offset, long[] sizes, long[] strides) {
        String tensor = "a tensor of sizes " + Arrays.toString(sizes) + ", strides " + Arrays.toString(strides)
                + " and offset " + offset;
        if (sizes.length != strides.length || sizes.length > MAX_RANK) {
            throw new IllegalStateException(
                    tensor + " must have one stride for each of at most " + MAX_RANK + " sizes");
        }
        long available = storage.byteSize() / elementBytes(type);
        long count = 1;
        long last = offset;
        boolean fits;
        try {
            for (int i = 0; i < sizes.length; i++) {
                count = Math.multiplyExact(count, sizes[i]);
                last = Math.addExact(last, Math.multiplyExact(Math.max(0, sizes[i] - 1), strides[i]));
            }
            long bytes = Math.multiplyExact(count, elementBytes(type));
            fits = count == 0 ? offset <= available : last < available;
            if (fits && count > available) {
                repeatedBytes = Math.addExact(repeatedBytes, bytes);
                fits = repeatedBytes <= MAX_REPEATED_BYTES;
            }
        } catch (ArithmeticException e) {
            fits = false;
        }
        if (!fits) {
            throw new IllegalStateException(tensor + " must lie in its storage of " + available + " elements"
                    + (count > available ? ", and repeat at most " + MAX_REPEATED_BYTES + " bytes" : ""));
        }
    }

    private static TensorType dtype(TorchValue value) {
        TensorType type = value instanceof TorchValue.Opaque opaque
                        && opaque.meaning() instanceof Meaning meaning
                        && meaning.role() == Role.DTYPE
                ? meaning.type()
                : null;
        if (type == null) {
            throw new IllegalStateException("the element type of a tensor must be one that is known here");
        }
        return type;
    }

    private static int elementBytes(TensorType type) {
        return type.bits() / 8;
    }

    private static long[] numbers(TorchValue value, String what) {
        return PickleObjects.tuple(value).stream()
                .mapToLong(item -> number(item, what))
                .toArray();
    }

    private static long number(@Nullable TorchValue value, String what) {
        if (value instanceof TorchValue.Whole whole
                && whole.value().signum() >= 0
                && whole.value().bitLength() < Long.SIZE) {
            return whole.value().longValue();
        }
        throw new IllegalStateException(what + " must be a whole number from 0 to 2^63 - 1"
                + (value instanceof TorchValue.Whole whole && whole.value().bitLength() <= 128
                        ? " but is " + whole.value()
                        : ""));
    }

    /** What PyTorch calls the element types. */
    static final class TorchTypes {
        private TorchTypes() {}

        /** Returns the name after {@code torch.}, or null if PyTorch has no such type. */
        static @Nullable String dtype(TensorType type) {
            return switch (type) {
                case BOOL -> "bool";
                case U8 -> "uint8";
                case I8 -> "int8";
                case F8_E5M2 -> "float8_e5m2";
                case F8_E4M3 -> "float8_e4m3fn";
                case F8_E8M0 -> "float8_e8m0fnu";
                case F8_E4M3FNUZ -> "float8_e4m3fnuz";
                case F8_E5M2FNUZ -> "float8_e5m2fnuz";
                case I16 -> "int16";
                case U16 -> "uint16";
                case F16 -> "float16";
                case BF16 -> "bfloat16";
                case I32 -> "int32";
                case U32 -> "uint32";
                case F32 -> "float32";
                case C64 -> "complex64";
                case F64 -> "float64";
                case I64 -> "int64";
                case U64 -> "uint64";
                case F4, F6_E2M3, F6_E3M2 -> null;
            };
        }

        /** Returns the class after {@code torch.} that storages of a type have in files, or null for the newer types. */
        static @Nullable String storage(TensorType type) {
            return switch (type) {
                case F64 -> "DoubleStorage";
                case F32 -> "FloatStorage";
                case F16 -> "HalfStorage";
                case BF16 -> "BFloat16Storage";
                case I64 -> "LongStorage";
                case I32 -> "IntStorage";
                case I16 -> "ShortStorage";
                case I8 -> "CharStorage";
                case U8 -> "ByteStorage";
                case BOOL -> "BoolStorage";
                case C64 -> "ComplexFloatStorage";
                default -> null;
            };
        }
    }

    /** What a file tells of the memory that its tensors lie in. */
    sealed interface Storages permits Storages.ZipStorages, StreamCheckpoint {
        /** Returns the file that holds it. */
        FileBytes file();

        /**
         * Returns a storage that the pickle refers to.
         *
         * @param type what the pickle calls its elements, if anything
         * @param count how many the pickle says they are, not negative
         * @param elementBytes how large one is
         * @throws IllegalStateException with the reason when the file cannot hold it
         */
        StorageRecord find(String key, @Nullable TensorType type, long count, int elementBytes);

        /** Whether references have a sixth part, which says what part of a storage is meant. */
        boolean hasViews();

        /**
         * The memory of one or more tensors, as a checkpoint refers to it.
         *
         * @param key its number in the file
         * @param type the type of its elements, if it says one
         * @param begin where its bytes begin in the file; known once the whole file was looked through
         * @param byteSize how many they are
         */
        record StorageRecord(String key, @Nullable TensorType type, LongSupplier begin, long byteSize) {}

        /** The entries {@code data/KEY} of a zip. */
        record ZipStorages(TorchArchive archive) implements Storages {
            @Override
            public FileBytes file() {
                return archive.file();
            }

            @Override
            public StorageRecord find(String key, @Nullable TensorType type, long count, int elementBytes) {
                TorchArchive.Entry entry = archive.entry("data/" + key);
                if (entry == null) {
                    throw new IllegalStateException("refers to the storage " + quote(key) + ", which the file lacks");
                }
                if (count > entry.size() || count * elementBytes != entry.size()) {
                    throw new IllegalStateException("the storage " + quote(key) + " must have " + count
                            + " elements of " + elementBytes + " bytes but has " + entry.size() + " bytes in the file");
                }
                return new StorageRecord(key, type, entry::begin, entry.size());
            }

            @Override
            public boolean hasViews() {
                return false;
            }
        }
    }
}
